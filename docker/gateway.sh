#!/bin/bash
# gateway - nginx with the addresses of write-api and read-api, which change when they are scaled or
# replaced: nginx itself looks a name up only once.
#
# usage: gateway       follow the names for as long as nginx runs
#        gateway -t    only test the configuration
#
# What it reads of the environment stands in render.sh. SEATLINE_TLS=1 opens port 8443 as well, with
# certificate.pem and key.pem of /etc/seatline/tls, or else a certificate that nobody trusts.
set -euo pipefail

readonly TEMPLATES=/etc/seatline/nginx
# shellcheck source=nginx/render.sh
. "$TEMPLATES/render.sh"
readonly LOOKUP_S=2 # between two looks at the names
export NGINX_DIR=/run/seatline NGINX_USER='' NGINX_PRIORITY='' ACCESS_LOG=/dev/stdout
export KEPT_DIR=$NGINX_DIR ERROR_LOG=stderr
export NGINX_MODULES='load_module /usr/lib/nginx/modules/ngx_nchan_module.so;'
# Only the gateway's port is published; the live port is for the network of the programs.
export GATEWAY_LISTEN=8080 LIVE_LISTEN=8089
export DOCS_DIR=/usr/share/seatline/docs
: "${RATE_BOOKINGS_PER_MIN:=0}" "${RATE_LISTS_PER_MIN:=0}" "${RATE_AUTH_PER_MIN:=0}"
: "${AUTH_MODE:=open}" "${OPEN_MODE_ANYWHERE:=false}"
: "${ADDRESS_CONNECTIONS_MAX:=0}" "${CORS_ORIGINS:=none}" "${TRUSTED_PROXIES:=none}"
TLS_LISTEN='' TLS_CERTIFICATE=/etc/seatline/tls/certificate.pem
TLS_KEY=/etc/seatline/tls/key.pem
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
		$READ_API_OPS_SERVERS $DOCS_DIR'"${OUTSIDE[*]/#/ $}" \
		<"$TEMPLATES/$1"
}

# A container that is made anew has another one: mount files over /etc/seatline/tls to keep one.
make_certificate() {
	[ ! -r "$TLS_CERTIFICATE" ] || return 0
	TLS_CERTIFICATE=$NGINX_DIR/certificate.pem
	TLS_KEY=$NGINX_DIR/key.pem
	(
		umask 077
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -sha256 \
			-days 825 -subj /CN=localhost \
			-addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
			-addext extendedKeyUsage=serverAuth \
			-keyout "$TLS_KEY" -out "$TLS_CERTIFICATE"
	)
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
if [ "${SEATLINE_TLS:-0}" = 1 ]; then
	TLS_LISTEN=8443
	make_certificate
fi
render_outside
export "${OUTSIDE[@]}"
configure
mv "$NGINX_DIR/gateway.conf.new" "$NGINX_DIR/gateway.conf"
if [ "${1:-}" = -t ]; then
	exec nginx -p "$NGINX_DIR" -e stderr -c "$NGINX_DIR/nginx.conf" -t
fi
follow "$$" &
exec nginx -p "$NGINX_DIR" -e stderr -c "$NGINX_DIR/nginx.conf" -g 'daemon off;'
