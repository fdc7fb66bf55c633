# syntax=docker/dockerfile:1
# Debian's nginx with its Nchan module, which nginx's own image does not have. Nchan 1.3.6 wants
# /var/lib/nginx/body to exist and refuses to be told another place.
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends \
    gettext-base libnginx-mod-nchan nginx \
    && rm -rf /var/lib/apt/lists/* \
    && install --directory --owner=33 --group=33 /run/seatline /var/lib/nginx/body
COPY --chmod=755 docker/http-ok.sh /usr/local/bin/http-ok
COPY --chmod=755 docker/gateway.sh /usr/local/bin/gateway
COPY nginx /etc/seatline/nginx
# www-data
USER 33:33
ENV HEALTH_PORT=8080
EXPOSE 8080
# SIGQUIT lets requests that are under way finish.
STOPSIGNAL SIGQUIT
ENTRYPOINT ["gateway"]
