# syntax=docker/dockerfile:1
# Swagger UI, as natively: from PyPI, and what its hash says.
FROM debian:bookworm-slim AS docs
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates python3-pip \
    && rm -rf /var/lib/apt/lists/*
COPY nginx/swagger-ui.txt /swagger-ui.txt
WORKDIR /docs
RUN python3 -m pip download --quiet --no-deps --require-hashes --requirement /swagger-ui.txt --dest /wheel \
    && python3 -m zipfile --extract /wheel/*.whl /wheel \
    && ui=/wheel/drf_spectacular_sidecar/static/drf_spectacular_sidecar/swagger-ui-dist \
    && cp "$ui/LICENSE" "$ui/favicon-32x32.png" "$ui/swagger-ui.css" "$ui/swagger-ui-bundle.js" . \
    && gzip --keep --best --no-name -- *.css *.js
COPY nginx/docs docs/openapi.json /docs/

# Debian's nginx with its Nchan module, which nginx's own image does not have. Nchan 1.3.6 wants
# /var/lib/nginx/body to exist and refuses to be told another place.
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends \
    gettext-base libnginx-mod-nchan nginx openssl \
    && rm -rf /var/lib/apt/lists/* \
    && install --directory --owner=33 --group=33 /run/seatline /var/lib/nginx/body
COPY --chmod=755 docker/http-ok.sh /usr/local/bin/http-ok
COPY --chmod=755 docker/gateway.sh /usr/local/bin/gateway
COPY nginx/*.template nginx/render.sh /etc/seatline/nginx/
COPY --from=docs --chmod=644 /docs /usr/share/seatline/docs
# www-data
USER 33:33
ENV HEALTH_PORT=8080
EXPOSE 8080 8443
# SIGQUIT lets requests that are under way finish.
STOPSIGNAL SIGQUIT
ENTRYPOINT ["gateway"]
