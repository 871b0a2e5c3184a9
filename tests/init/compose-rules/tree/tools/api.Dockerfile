FROM python:3.12
COPY api.py .
EXPOSE 9000
