# shellcheck shell=bash
# docker - the same commands where a Docker engine runs: docker/compose.yml does the work.

readonly DOCKER_ANSWER_S=5
readonly DOCKER_READY_S=180 # compose has waited for most of it already

docker_answers() {
	command -v docker && timeout "$DOCKER_ANSWER_S" docker info && docker compose version
} >/dev/null 2>&1

# Prints docker or native.
mode() {
	case ${SEATLINE_MODE:-} in
	docker | native) printf '%s' "$SEATLINE_MODE" ;;
	'') if docker_answers; then printf docker; else printf native; fi ;;
	*) die "SEATLINE_MODE is '$SEATLINE_MODE', but must be native or docker" ;;
	esac
}

# compose.yml takes these from the environment, the passwords from the file of secrets.
docker_prepare() {
	settings_load
	((SECURE == 0 && PRODUCTION == 0)) ||
		die 'SECURE and PRODUCTION are native: see docker/compose.production.yml'
	export SEATLINE_GATEWAY_HOST SEATLINE_GATEWAY_PORT PARTITIONS
	export WRITE_API_INSTANCES WORKER_INSTANCES PROJECTOR_INSTANCES READ_API_INSTANCES
	export WRITES_MAX READS_MAX AUTH_MODE CORS_ORIGINS TRUSTED_PROXIES SEATLINE_TLS_PORT
	export WRITE_API_THREADS=$((WRITES_MAX + GATEWAY_IDLE_MAX))
	export READ_API_THREADS=$((READS_MAX + GATEWAY_IDLE_MAX))
	gateway_url
}

compose() {
	local name limits=("ADDRESS_CONNECTIONS_MAX=$(address_connections)")
	local files=(--file "$ROOT/docker/compose.yml")

	[[ -r $STATE/secrets ]] || die 'nothing was started yet'
	((SEATLINE_TLS == 0)) || files+=(--file "$ROOT/docker/compose.tls.yml")
	for name in "${!RATES_JWT[@]}"; do
		limits+=("$name=$(rate "$name")")
	done
	env "${limits[@]}" docker compose --env-file "$STATE/secrets" "${files[@]}" "$@"
}

# Without --wait: it fails when a container that has done its work ends.
docker_up() {
	local from to

	now_ms from
	open_mode_check
	state_open
	secrets_load
	settings_save
	compose up --detach --build "$@"
	(($# == 0)) || return 0
	until http_ok "$GATEWAY_URL/healthz"; do
		now_ms to
		if ((to - from > DOCKER_READY_S * 1000)); then
			compose ps --all >&2
			compose logs --tail "$LOG_LINES_SHOWN" >&2
			die "$GATEWAY_URL/healthz did not become 200"
		fi
		sleep 0.5
	done
	now_ms to
	show_first_steps "$((to - from))"
}

docker_status() { compose ps --all "$@"; }
docker_logs() { compose logs --tail "$LOG_LINES_SHOWN" "$@"; }
docker_stop() { compose stop "$@"; }

docker_reset() {
	(($# == 0)) || die 'reset takes no names: the data of the parts belongs together'
	compose down --volumes --remove-orphans
	rm -rf -- "$STATE"
}

docker_account() {
	(($# == 2)) || die 'account takes an e-mail address and a role, user or admin'
	compose exec -T write-api write-api --add-account "$1" "$2"
}

docker_verify() { compose run --rm --no-deps projector --verify; }
docker_rebuild() { compose run --rm --no-deps projector --rebuild; }

docker_env() { die 'in docker mode the servers have no ports here: use docker compose exec'; }
