#!/bin/bash
# gateway - nginx with the addresses of write-api and read-api, which change when they are scaled or
# replaced: nginx itself looks a name up only once.
#
# usage: gateway       follow the names for as long as nginx runs
#        gateway -t    only test the configuration
set -euo pipefail

readonly TEMPLATES=/etc/seatline/nginx
readonly LOOKUP_S=2 # between two looks at the names
export NGINX_DIR=/run/seatline NGINX_USER='' NGINX_PRIORITY='' ACCESS_LOG=/dev/stdout
export KEPT_DIR=$NGINX_DIR ERROR_LOG=stderr
export NGINX_MODULES='load_module /usr/lib/nginx/modules/ngx_nchan_module.so;'
# Only the gateway's port is published; the live port is for the network of the programs.
export GATEWAY_LISTEN=8080 LIVE_LISTEN=8089
export WRITE_API_SERVERS READ_API_SERVERS READ_API_WAIT_SERVERS
export WRITE_API_OPS_SERVERS READ_API_OPS_SERVERS

# servers NAME PORT [MOST]: a line for each instance, which gets so many requests at once; with
# none, a server that is down, so that nginx can start and says 503. An instance that is away is
# asked each time: it refuses at once, and leaving it out for a while left nobody when the other
# one went too.
servers() {
	local address addresses
	addresses=$(getent ahostsv4 "$1" | awk '{ print $1 }' | sort -u) || true
	[ -n "$addresses" ] || printf 'server 127.0.0.1:%d down;\n' "$2"
	for address in $addresses; do
		printf 'server %s:%d max_fails=0 max_conns=%d;\n' "$address" "$2" "${3:-0}"
	done
}

# Fills in exactly the variables above: nginx has variables of its own.
render() {
	# shellcheck disable=SC2016  # envsubst wants the names
	envsubst '$NGINX_DIR $KEPT_DIR $NGINX_USER $NGINX_PRIORITY $NGINX_MODULES
		$ACCESS_LOG $ERROR_LOG $GATEWAY_LISTEN $LIVE_LISTEN $WRITE_API_SERVERS
		$READ_API_SERVERS $READ_API_WAIT_SERVERS $WRITE_API_OPS_SERVERS
		$READ_API_OPS_SERVERS' \
		<"$TEMPLATES/$1"
}

configure() {
	WRITE_API_SERVERS=$(servers write-api 8081 "${WRITES_MAX:-256}")
	READ_API_SERVERS=$(servers read-api 8082 "${READS_MAX:-64}")
	READ_API_WAIT_SERVERS=$(servers read-api 8083)
	WRITE_API_OPS_SERVERS=$(servers write-api 9081)
	READ_API_OPS_SERVERS=$(servers read-api 9082)
	render nginx.conf.template >"$NGINX_DIR/nginx.conf"
	render gateway.conf.template >"$NGINX_DIR/gateway.conf.new"
}

# follow NGINX_PID: nginx reads its configuration anew when the addresses are other ones.
follow() {
	while sleep "$LOOKUP_S" && kill -0 "$1" 2>/dev/null; do
		configure
		if ! cmp -s "$NGINX_DIR/gateway.conf.new" "$NGINX_DIR/gateway.conf"; then
			mv "$NGINX_DIR/gateway.conf.new" "$NGINX_DIR/gateway.conf"
			kill -s HUP "$1"
		fi
	done
}

# A test has nothing to log, and a file on its stdout may belong to somebody else.
[ "${1:-}" != -t ] || ACCESS_LOG=/dev/null
mkdir -p "$NGINX_DIR"
configure
mv "$NGINX_DIR/gateway.conf.new" "$NGINX_DIR/gateway.conf"
if [ "${1:-}" = -t ]; then
	exec nginx -p "$NGINX_DIR" -e stderr -c "$NGINX_DIR/nginx.conf" -t
fi
follow "$$" &
exec nginx -p "$NGINX_DIR" -e stderr -c "$NGINX_DIR/nginx.conf" -g 'daemon off;'
