#!/bin/bash
# http-ok PATH: whether this container answers 200 there. A slim image has no curl.
set -euo pipefail

exec 3<>"/dev/tcp/127.0.0.1/${HEALTH_PORT:?}"
printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$1" >&3
IFS=' ' read -r -t 2 _ status _ <&3
[ "$status" = 200 ]
