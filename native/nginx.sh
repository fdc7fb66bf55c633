# shellcheck shell=bash
# nginx - the gateway. The same templates as in Docker, filled in for one machine.

# shellcheck source=nginx/render.sh
. "$ROOT/nginx/render.sh"

readonly NCHAN_MODULE=/usr/lib/nginx/modules/ngx_nchan_module.so

# Whoever refuses what is too much must get a processor when everybody wants one: else answers wait
# here, and accepted requests with them. Only root may: worker_priority, and nginx_goes_first for
# Linux, where processors are shared out among sessions.
readonly GATEWAY_NICE=-10

nginx_ports() {
	printf '%s\n' "$SEATLINE_GATEWAY_PORT" "$LIVE_PORT"
	((SEATLINE_TLS == 0)) || printf '%s\n' "$SEATLINE_TLS_PORT"
}

# The page at /docs, and what it shows. Beside the kept answers, because the workers may reach that.
nginx_make_docs() {
	local docs=$1

	rm -rf -- "$docs"
	mkdir -m 755 -- "$docs"
	cp -- "$SWAGGER_UI"/* "$ROOT"/nginx/docs/* "$ROOT/docs/openapi.json" "$docs"
	chmod 644 -- "$docs"/*
}

# A certificate that no browser trusts by itself, for every name that this machine may be called by
# here. Made once: who trusted it keeps trusting it.
nginx_make_certificate() {
	local directory=$1 names="DNS:localhost,IP:127.0.0.1"

	[[ ! -f $directory/certificate.pem ]] || return 0
	mkdir -p -- "$directory"
	chmod 700 -- "$directory"
	[[ $SEATLINE_GATEWAY_HOST == 0.0.0.0 || $SEATLINE_GATEWAY_HOST == 127.0.0.1 ]] ||
		names+=",IP:$SEATLINE_GATEWAY_HOST"
	(
		umask 077
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -sha256 \
			-days 825 -subj /CN=localhost -addext "subjectAltName=$names" \
			-addext extendedKeyUsage=serverAuth \
			-keyout "$directory/key.pem" -out "$directory/certificate.new" 2>&1
	)
	mv -- "$directory/certificate.new" "$directory/certificate.pem"
}

# upstream_servers OFFSET INSTANCES [MOST]: "server" lines, of instances that get so many requests
# at once. An instance that is away is asked each time: it refuses at once, and leaving it out for a
# while left nobody when the other one went too.
upstream_servers() {
	local i port

	for ((i = 0; i < $2; i++)); do
		port=$((SEATLINE_PORT_BASE + $1 + i))
		printf 'server 127.0.0.1:%d max_fails=0 max_conns=%d;\n' "$port" "${3:-0}"
	done
}

# Where kept answers are in memory. The state may be closed to the gateway's workers.
nginx_kept_dir() {
	local sum

	sum=$(cksum <<<"$STATE")
	printf '/dev/shm/seatline-%d-%s' "$EUID" "${sum%% *}"
}

# Another user's is none. Without one they are kept in the state, or not at all where workers cannot
# reach that.
nginx_make_kept_dir() {
	nginx_remove_kept_dir
	mkdir -m 711 -- "$(nginx_kept_dir)" 2>/dev/null || :
}

# Where it is: another user's is none.
nginx_place() {
	local directory

	directory=$(nginx_kept_dir)
	[[ -O $directory && ! -L $directory ]] || directory=$STATE/nginx
	printf '%s' "$directory"
}

nginx_remove_kept_dir() { rm -rf -- "$(nginx_kept_dir)" 2>/dev/null || :; }

# Writes nginx.conf and, beside the one in use, gateway.conf.new.
nginx_configure() {
	local NGINX_DIR=$STATE/nginx NGINX_MODULES="load_module $NCHAN_MODULE;" NGINX_USER=
	local NGINX_PRIORITY= KEPT_DIR
	local GATEWAY_LISTEN=$SEATLINE_GATEWAY_HOST:$SEATLINE_GATEWAY_PORT
	local LIVE_LISTEN=127.0.0.1:$LIVE_PORT
	local ACCESS_LOG=$STATE/log/nginx-access.log ERROR_LOG=stderr
	local WRITE_API_SERVERS READ_API_SERVERS READ_API_WAIT_SERVERS
	local WRITE_API_OPS_SERVERS READ_API_OPS_SERVERS
	local DOCS_DIR TLS_LISTEN='' TLS_CERTIFICATE=$NGINX_DIR/tls/certificate.pem
	local TLS_KEY=$NGINX_DIR/tls/key.pem
	local "${OUTSIDE[@]}" name connections

	KEPT_DIR=$(nginx_place)
	DOCS_DIR=$KEPT_DIR/docs
	# Started by root, the workers that talk to the outside still are nobody special.
	if ((EUID == 0)); then
		NGINX_USER='user www-data;'
		NGINX_PRIORITY="worker_priority $GATEWAY_NICE;"
	fi
	WRITE_API_SERVERS=$(upstream_servers "${HTTP_OFFSET[write-api]}" \
		"$WRITE_API_INSTANCES" "$WRITES_MAX")
	READ_API_SERVERS=$(upstream_servers "${HTTP_OFFSET[read-api]}" \
		"$READ_API_INSTANCES" "$READS_MAX")
	READ_API_WAIT_SERVERS=$(upstream_servers "$WAIT_OFFSET" "$READ_API_INSTANCES")
	WRITE_API_OPS_SERVERS=$(upstream_servers "${OPS_OFFSET[write-api]}" "$WRITE_API_INSTANCES")
	READ_API_OPS_SERVERS=$(upstream_servers "${OPS_OFFSET[read-api]}" "$READ_API_INSTANCES")
	mkdir -p -- "$NGINX_DIR"
	if ((SEATLINE_TLS)); then
		TLS_LISTEN=$SEATLINE_GATEWAY_HOST:$SEATLINE_TLS_PORT
		nginx_make_certificate "$NGINX_DIR/tls"
	fi
	for name in "${!RATES_JWT[@]}"; do
		local "$name"="$(rate "$name")"
	done
	connections=$(address_connections)
	local ADDRESS_CONNECTIONS_MAX=$connections
	render_outside
	render "$ROOT/nginx/nginx.conf.template" NGINX_DIR NGINX_MODULES NGINX_USER \
		NGINX_PRIORITY ACCESS_LOG ERROR_LOG >"$NGINX_DIR/nginx.conf"
	render "$ROOT/nginx/gateway.conf.template" NGINX_DIR KEPT_DIR GATEWAY_LISTEN LIVE_LISTEN \
		ERROR_LOG \
		WRITE_API_SERVERS READ_API_SERVERS READ_API_WAIT_SERVERS \
		WRITE_API_OPS_SERVERS READ_API_OPS_SERVERS DOCS_DIR "${OUTSIDE[@]}" \
		>"$NGINX_DIR/gateway.conf.new"
}

# -e: what nginx says before it has read its configuration must not go to Debian's /var/log/nginx.
nginx_command() { nginx -p "$STATE/nginx" -e stderr -c "$STATE/nginx/nginx.conf" "$@"; }

# nginx_goes_first PID: where there is no such file, worker_priority does it.
nginx_goes_first() {
	((EUID != 0)) || printf '%d' "$GATEWAY_NICE" 2>/dev/null >"/proc/$1/autogroup" || :
}

# nginx_host: prints the address on which it listens, by its configuration.
nginx_host() {
	sed -nE '/^\tlisten [0-9.]+:[0-9]+ default_server/ { s/^\tlisten ([0-9.]+):.*/\1/p; q }' \
		-- "$STATE/nginx/gateway.conf"
}

# Whether it runs at another address than is asked for. That takes a stop: on reload nginx cannot
# listen on 0.0.0.0 beside its 127.0.0.1, and would go on as it was.
nginx_is_elsewhere() {
	service_is_running nginx && [[ $(nginx_host) != "$SEATLINE_GATEWAY_HOST" ]]
}

nginx_start() {
	local config=$STATE/nginx/gateway.conf changed=1

	STEP_RESULT=running
	service_is_running nginx || nginx_make_kept_dir
	nginx_configure
	nginx_make_docs "$(nginx_place)/docs"
	cmp -s -- "$config.new" "$config" && changed=0
	mv -f -- "$config.new" "$config"
	if ! service_is_running nginx; then
		nginx_command -t -q
		log_rotate "$STATE/log/nginx-access.log"
		service_launch nginx nginx -p "$STATE/nginx" -e stderr \
			-c "$STATE/nginx/nginx.conf" -g 'daemon off;'
		nginx_goes_first "$(service_pid nginx)"
		STEP_RESULT=started
	elif ((changed)); then
		nginx_command -t -q
		kill -s HUP "$(service_pid nginx)"
		STEP_RESULT=reloaded
	fi
	wait_until nginx "$SERVER_START_S" 'listen' http_answers "$GATEWAY_URL/"
	((START_ALL)) || return 0
	wait_until nginx "$PROGRAM_START_S" 'have a ready write-api and read-api behind it' \
		http_ok "$GATEWAY_URL/healthz"
}

nginx_stop() {
	service_stop nginx TERM
	nginx_remove_kept_dir
}
