# The backend; its context is the directory of its sources.
FROM python:3.11-slim AS build
WORKDIR /srv
RUN python -m venv --without-pip /venv
COPY requirements.txt .
RUN --mount=type=cache,target=/root/.cache/pip \
    pip --python /venv/bin/python install --no-compile --require-hashes -r requirements.txt

FROM python:3.11-slim
WORKDIR /srv
COPY --from=build /venv /venv
COPY app app
ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 1001:1001
EXPOSE 8000
CMD ["python", "-m", "app"]
