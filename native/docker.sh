# shellcheck shell=bash
# docker - the same commands where a Docker engine runs: docker/compose.yml does the work.

readonly DOCKER_ANSWER_S=5

docker_answers() {
	command -v docker && timeout "$DOCKER_ANSWER_S" docker info && docker compose version
} >/dev/null 2>&1

# Prints docker or native.
mode() {
	case ${SEATLINE_MODE:-} in
	docker | native) printf '%s' "$SEATLINE_MODE" ;;
	'')
		if docker_answers; then
			printf docker
		else
			printf native
		fi
		;;
	*) die "SEATLINE_MODE is '$SEATLINE_MODE', but must be native or docker" ;;
	esac
}

# compose.yml takes the passwords from the secrets, whatever the command.
compose() {
	[[ -r $STATE/secrets ]] || die 'nothing was started yet'
	SEATLINE_GATEWAY_PORT=${SEATLINE_GATEWAY_PORT:-8080} docker compose \
		--env-file "$STATE/secrets" --file "$ROOT/docker/compose.yml" "$@"
}

docker_up() {
	local from to

	now_ms from
	state_open
	secrets_load
	compose up --detach --build --wait "$@"
	now_ms to
	GATEWAY_URL=http://127.0.0.1:${SEATLINE_GATEWAY_PORT:-8080}
	(($#)) || show_first_steps "$((to - from))"
}

docker_status() { compose ps --all "$@"; }
docker_logs() { compose logs --tail "$LOG_LINES_SHOWN" "$@"; }
docker_stop() { compose stop "$@"; }
docker_reset() { compose down --volumes --remove-orphans; }
docker_env() { die 'in docker mode the servers have no ports here: use docker compose exec'; }
