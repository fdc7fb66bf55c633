# shellcheck shell=bash
# render - what gateway.conf.template leaves open about the outside: who may come, how often, from
# which pages, and by which scheme. Sourced by native/nginx.sh and docker/gateway.sh.
#
# Reads    RATE_BOOKINGS_PER_MIN, RATE_LISTS_PER_MIN, RATE_AUTH_PER_MIN: 0 is no limit
#          ADDRESS_CONNECTIONS_MAX: requests of one address at once; 0 is no limit
#          CORS_ORIGINS: origins separated by spaces, or none
#          TRUSTED_PROXIES: addresses or networks separated by spaces, or none
#          AUTH_MODE, OPEN_MODE_ANYWHERE: open, and anything but true: pages of other sites get
#          nothing done, and other names than this machine's are not answered to
#          TLS_LISTEN, TLS_CERTIFICATE, TLS_KEY: an address, and two files; no address: no TLS
# Sets     the variables that OUTSIDE names, for the template.

readonly OUTSIDE=(LIMIT_ZONES LIMITS RATE_POLICIES RATE_ANSWERS RETRY_AFTER CORS_MAP CORS_VARY TLS
	REAL_ADDRESS OPEN_MODE)

render_outside() {
	LIMIT_ZONES='' LIMITS='' RATE_POLICIES='' RATE_ANSWERS='' RETRY_AFTER='' TLS=''
	render_rate bookings "$RATE_BOOKINGS_PER_MIN"
	render_rate lists "$RATE_LISTS_PER_MIN"
	render_rate auth "$RATE_AUTH_PER_MIN"
	if ((ADDRESS_CONNECTIONS_MAX)); then
		LIMIT_ZONES+=$'limit_conn_zone $client_network zone=connections:2m;\n'
		LIMITS+="limit_conn connections $ADDRESS_CONNECTIONS_MAX;"$'\n\t'
	fi
	render_cors
	render_proxies
	render_open_mode
	[[ -z $TLS_LISTEN ]] || TLS=$(
		cat <<-END
			listen $TLS_LISTEN ssl backlog=4096 reuseport so_keepalive=60s:15s:4;
			ssl_certificate "$TLS_CERTIFICATE";
			ssl_certificate_key "$TLS_KEY";
		END
	)
}

# render_rate CLASS QUOTA: nginx counts whole requests in 1000 s, so that the wait for the next one
# is a little longer than 60 s / QUOTA.
render_rate() {
	local class=$1 quota=$2 burst='' wait_s per_1000_s

	((quota)) || return 0
	((quota == 1)) || burst="burst=$((quota - 1)) "
	per_1000_s=$((quota * 1000 / 60))
	wait_s=$(((1000 + per_1000_s - 1) / per_1000_s))
	LIMIT_ZONES+="limit_req_zone \$${class}_from zone=$class:2m rate=${quota}r/m;"$'\n'
	LIMITS+="limit_req zone=$class ${burst}nodelay;"$'\n\t'
	RATE_POLICIES+="\"REJECTED $class\" '\"$class\";q=$quota;w=60';"$'\n\t'
	RATE_ANSWERS+="\"REJECTED $class\" '\"$class\";r=0;t=$wait_s';"$'\n\t'
	RETRY_AFTER+="\"REJECTED $class\" $wait_s;"$'\n\t'
}

# refuse VARIABLE PROBLEM: prints what answers so where the variable is 1.
refuse() {
	printf 'if ($%s) {\n\t\trewrite ^ /.problem/%s last;\n\t}\n\t' "$1" "$2"
}

render_open_mode() {
	OPEN_MODE=''
	[[ $AUTH_MODE == open ]] || return 0
	[[ ${OPEN_MODE_ANYWHERE:-} == true ]] || OPEN_MODE+=$(refuse is_foreign_name 403/name)
	OPEN_MODE+=$'\n\t'$(refuse is_foreign_write 403)
}

render_proxies() {
	local proxies proxy

	REAL_ADDRESS=''
	[[ $TRUSTED_PROXIES != none ]] || return 0
	read -ra proxies <<<"$TRUSTED_PROXIES"
	for proxy in "${proxies[@]}"; do
		REAL_ADDRESS+="set_real_ip_from $proxy;"$'\n'
	done
	REAL_ADDRESS+=$'real_ip_header X-Forwarded-For;\nreal_ip_recursive on;\n'
}

render_cors() {
	local origin origins

	CORS_MAP='' CORS_VARY='""'
	[[ $CORS_ORIGINS != none ]] || return 0
	CORS_VARY=Origin
	read -ra origins <<<"$CORS_ORIGINS"
	for origin in "${origins[@]}"; do
		CORS_MAP+="\"$origin\" \"$origin\";"$'\n\t'
	done
}
