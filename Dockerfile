# The bot alone: no compiler, no tests, no root. Postgres is beside it (see compose.yaml).
FROM python:3.11-slim AS build
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv /opt/ripe && /opt/ripe/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY bot bot
COPY jobq jobq
COPY migrations migrations
RUN /opt/ripe/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim
RUN useradd --create-home --uid 10001 ripe
COPY --from=build /opt/ripe /opt/ripe
ENV PATH=/opt/ripe/bin:$PATH PYTHONUNBUFFERED=1 LOG_FORMAT=json RIPE_HOME=/home/ripe/data
USER ripe
WORKDIR /home/ripe
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=3s CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + (os.environ.get('PORT') or '8080') + '/livez', timeout=2)"]
CMD ["ripe", "web"]
