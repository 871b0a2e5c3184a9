FROM python:3.13-slim
WORKDIR /srv
COPY main.py .
USER 1000
CMD ["python", "main.py"]
