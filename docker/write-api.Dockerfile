# syntax=docker/dockerfile:1
FROM debian:bookworm-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
    gcc libc6-dev libcivetweb-dev libcurl4-openssl-dev libhiredis-dev libjansson-dev \
    libmongoc-dev libpq-dev librdkafka-dev libsodium-dev meson ninja-build pkg-config python3 \
    && rm -rf /var/lib/apt/lists/*
COPY . /src
RUN meson setup --buildtype=release -Dtests=disabled /build /src \
    && ninja -C /build write-api/write-api

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends \
    libcivetweb1 libhiredis0.14 libjansson4 libpq5 librdkafka1 libsodium23 \
    && rm -rf /var/lib/apt/lists/*
COPY --chmod=755 docker/http-ok.sh /usr/local/bin/http-ok
COPY --from=build /build/write-api/write-api /usr/local/bin/write-api
USER 10001:10001
ENV HEALTH_PORT=9081
ENTRYPOINT ["write-api"]
