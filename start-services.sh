#!/usr/bin/env bash
# start-services - installs what Seatline needs, and starts, shows and stops all of it.
# `./start-services.sh help` says how it is used; native/common.sh, where state is kept.
set -euo pipefail
shopt -s inherit_errexit
# The same numbers, sort orders and messages in every locale; file names may still be UTF-8.
export LC_ALL=C.UTF-8 PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
RUN=$ROOT/.run
BUILD=$(realpath -m -- "${SEATLINE_BUILD_DIR:-$RUN/build}")
readonly ROOT RUN BUILD

# shellcheck source=native/common.sh
. "$ROOT/native/common.sh"
# shellcheck source=native/install.sh
. "$ROOT/native/install.sh"
# shellcheck source=native/kafka.sh
. "$ROOT/native/kafka.sh"
# shellcheck source=native/postgres.sh
. "$ROOT/native/postgres.sh"
# shellcheck source=native/redis.sh
. "$ROOT/native/redis.sh"
# shellcheck source=native/mongodb.sh
. "$ROOT/native/mongodb.sh"
# shellcheck source=native/programs.sh
. "$ROOT/native/programs.sh"
# shellcheck source=native/nginx.sh
. "$ROOT/native/nginx.sh"
# shellcheck source=native/services.sh
. "$ROOT/native/services.sh"
# shellcheck source=native/docker.sh
. "$ROOT/native/docker.sh"

# The passwords of the one are no use to the other's data.
declare -rA STATE_NAME=([native]=demo [docker]=docker)

usage() {
	cat <<'END'
Usage: ./start-services.sh [command] [name...]

  up      start everything (default), or only what is named; programs that run with other
          settings (below) are restarted, all else that runs stays as it is
  status  what runs, since when, on which port, and how it is
  logs    [name] [-f]: the last log lines; -f follows
  stop    stop everything, or only what is named
  reset   stop, and delete this project's data; downloads and builds stay
  verify  compare the read model with the write model, and print every difference
  rebuild make the read model anew from the write model, while everything runs
  account EMAIL user|admin: make an account, or give it this role and another password, which is
          the first line of stdin, or else made and shown
  env     connection settings of the servers as shell assignments, passwords included

Names: kafka postgresql redis mongodb write-api worker projector read-api nginx;
worker-1 is one instance of a program (native mode).

Environment (remembered from start to start, except the last three):
  SEATLINE_GATEWAY_PORT  8080       the gateway's port
  SEATLINE_GATEWAY_HOST  127.0.0.1  the gateway's address; another one needs AUTH_MODE=jwt
  AUTH_MODE              open       open: everybody may do everything; jwt: accounts and roles
  RATE_BOOKINGS_PER_MIN, RATE_LISTS_PER_MIN, RATE_AUTH_PER_MIN   10, 100, 5 in jwt mode
                                    requests of one address, and of one user; 0 (open mode): any
  ADDRESS_CONNECTIONS_MAX  256 in jwt mode: the same at once, live connections among them
  SEATLINE_TLS           0          1: https as well, on SEATLINE_TLS_PORT (8443)
  TRUSTED_PROXIES        none       who stands in front and says whose address it is: "10.0.0.1 ..."
  CORS_ORIGINS           none       other sites whose pages may call: "https://a.example ..."
  SECURE                 0          1: Kafka too asks who is there, and lets each do what it has to
  PRODUCTION             0          1: no secret of the demo, no open mode, no accounts made here
  SEATLINE_PORT_BASE     18000      all other ports are this and up to 432 more, on 127.0.0.1
  PARTITIONS             12         of the topic booking_requests, when it is created
  KAFKA_FLUSH_MESSAGES   99999      messages until Kafka forces a partition to disk, which it does
                                    each second anyway; 1: no 202 is lost by a power cut, but slow
  WRITE_API_INSTANCES, WORKER_INSTANCES, PROJECTOR_INSTANCES, READ_API_INSTANCES   1
  WRITES_MAX, READS_MAX  256, 64    requests that one write-api, read-api gets at once; the gateway
                                    refuses more
  SEATLINE_MODE          native or docker; default docker where a Docker engine answers
  SEATLINE_STATE_DIR     .run/demo  configuration, data, logs, pid files; .run/docker in docker mode
  SEATLINE_BUILD_DIR     a meson build directory to run the programs from; default: compile them
END
}

main() {
	local command=${1:-up} mode
	(($# == 0)) || shift

	case $command in
	up | status | logs | stop | reset | verify | rebuild | account | env) ;;
	help | -h | --help)
		usage
		return
		;;
	*)
		usage >&2
		exit 2
		;;
	esac
	mode=$(mode)
	STATE=$(realpath -m -- "${SEATLINE_STATE_DIR:-$RUN/${STATE_NAME[$mode]}}")
	readonly STATE
	cd / # no service keeps the caller's directory busy
	"${mode}_prepare"
	"${mode}_$command" "$@"
}

main "$@"
