# shellcheck shell=bash
# redis - seat locks, idempotency keys and rate limits. Nothing in it outlives it, and nothing that
# may not be lost belongs in it.

redis_ports() { printf '%s\n' "$REDIS_PORT"; }

redis_configure() {
	local REDIS_DIR=$STATE/redis

	private_directory "$REDIS_DIR"
	(
		umask 077
		render "$ROOT/native/redis.conf" REDIS_DIR REDIS_PORT REDIS_ADMIN_PASSWORD \
			REDIS_WRITE_API_PASSWORD REDIS_WORKER_PASSWORD REDIS_READ_API_PASSWORD \
			>"$REDIS_DIR/redis.conf"
	)
}

redis_answers() {
	REDISCLI_AUTH=$REDIS_ADMIN_PASSWORD redis-cli -h 127.0.0.1 -p "$REDIS_PORT" \
		--user seatline_admin --no-auth-warning ping |
		grep -qx PONG
}

redis_start() {
	STEP_RESULT=running
	if ! service_is_running redis; then
		redis_configure
		service_launch redis redis-server "$STATE/redis/redis.conf"
		STEP_RESULT=started
	fi
	wait_until redis "$SERVER_START_S" 'answer PING' redis_answers
}

redis_stop() { service_stop redis TERM; }
