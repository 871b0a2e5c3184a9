FROM python:3.12
RUN --mount=type=secret,id=npmrc true
COPY seed.py .
