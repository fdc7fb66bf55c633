# shellcheck shell=bash
# common - what every part of the native start needs: settings, steps, processes, waits.
#
# State, below $STATE (SEATLINE_STATE_DIR, .run/demo; .run/docker in docker mode):
#   settings          ports and instance counts of the last start; the environment wins over it
#   secrets           passwords and keys, made at the first start, mode 0600
#   pid/<name>.pid    "<pid> <start time>": a recycled pid has another start time and is not ours
#   pid/<name>.settings  of a program: a checksum of the environment that it was started with
#   log/<name>.log    what the service printed; .old is the one before it grew too long
#   <server>/         a server's configuration and data
# Below $RUN (.run), shared by all states: opt/ what was downloaded, and the classes Kafka loads,
# build/ what was compiled.

# Bounds, in seconds unless named otherwise.
readonly SERVER_START_S=120 # a server's first start creates its data, beside compilers
readonly PROGRAM_START_S=20 # a program answers /livez, then /readyz
readonly NAMED_READY_S=3    # the same, when only this one was asked for: its servers may be down
readonly STOP_S=30          # from SIGTERM to SIGKILL; the programs drain within DRAIN_MS
readonly PORTS_FREE_MS=3000 # a process that was just killed keeps its ports so long
readonly LOCK_S=300         # another `up` may be installing and compiling
readonly KAFKA_FLUSH_NEVER=99999 # more than come in the second after which Kafka flushes
readonly LOG_LINES_SHOWN=20
readonly LOG_BYTES_MAX=$((64 << 20))
readonly INSTANCES_MAX=20    # ports of one program
readonly GATEWAY_IDLE_MAX=64 # connections to one instance that the gateway keeps idle: 2 x 32
readonly AT_ONCE_MAX=960     # requests of one instance; HTTP_THREADS goes up to 1024
readonly PORT_BASE_MAX=32300 # Linux gives ports from 32768 on to outgoing connections

# The order in which a booking travels. Stopping goes the other way.
readonly SERVERS=(kafka postgresql redis mongodb)
readonly PROGRAMS=(write-api worker projector read-api)

# --- output --------------------------------------------------------------------------------

say() { printf '%s\n' "$*"; }
warn() { printf 'warning: %s\n' "$*" >&2; }
die() {
	printf 'error: %s\n' "$*" >&2
	exit 1
}

# now_ms VARIABLE
now_ms() { printf -v "$1" '%s' "$((${EPOCHREALTIME/./} / 1000))"; }

# step_line NAME WHAT MILLISECONDS
step_line() {
	local tenths=$(($3 / 100))
	printf '  %-12s %-22s %4d.%d s\n' "$1" "$2" "$((tenths / 10))" "$((tenths % 10))"
}

# show_log NAME: the last lines of a service's log.
show_log() {
	local log=$STATE/log/$1.log

	[[ -s $log ]] || return 0
	printf -- '--- last lines of %s\n' "$log" >&2
	tail -n "$LOG_LINES_SHOWN" -- "$log" >&2
}

# render TEMPLATE VARIABLE...: prints it with ${VARIABLE} filled in; all other dollars stay.
render() (
	template=$1
	format=
	shift
	for name in "$@"; do
		export "${name?}"
		format+="\${$name} "
	done
	envsubst "$format" <"$template"
)

# --- steps ---------------------------------------------------------------------------------
# A step is a function that ends with what it did in STEP_RESULT ("started", "running"...). Steps
# may run at the same time; their lines are printed in the order in which step_end is called.

STEP_RESULT=
declare -A STEP_PID=()

# step_begin NAME FUNCTION [ARGUMENT...]
step_begin() {
	local name=$1
	shift
	step_body "$name" "$@" >"$STATE/tmp/$name.out" 2>&1 &
	STEP_PID[$name]=$!
}

step_body() {
	local name=$1 from to
	shift
	now_ms from
	"$@"
	now_ms to
	printf '%s\t%s\n' "$STEP_RESULT" "$((to - from))" >"$STATE/tmp/$name.step"
}

# step_end NAME: waits for it and prints its line; on failure what it printed and its log. The
# waits are bounded inside the step.
step_end() {
	local name=$1 result ms

	if ! wait "${STEP_PID[$name]}"; then
		printf '  %-12s %s\n' "$name" FAILED
		cat -- "$STATE/tmp/$name.out" >&2
		show_log "$name"
		return 1
	fi
	IFS=$'\t' read -r result ms <"$STATE/tmp/$name.step"
	step_line "$name" "$result" "$ms"
	grep -h '^warning:' -- "$STATE/tmp/$name.out" >&2 || true
}

# steps_end NAME...: all of them, so that no failure hides another; exits when one failed.
steps_end() {
	local name failed=0

	for name in "$@"; do
		step_end "$name" || failed=1
	done
	((failed == 0)) || exit 1
}

# --- settings and secrets --------------------------------------------------------------------

readonly SETTINGS=(SEATLINE_GATEWAY_HOST SEATLINE_GATEWAY_PORT SEATLINE_PORT_BASE PARTITIONS
	KAFKA_FLUSH_MESSAGES
	WRITE_API_INSTANCES WORKER_INSTANCES PROJECTOR_INSTANCES READ_API_INSTANCES
	WRITES_MAX READS_MAX
	AUTH_MODE RATE_BOOKINGS_PER_MIN RATE_LISTS_PER_MIN RATE_AUTH_PER_MIN ADDRESS_CONNECTIONS_MAX
	SEATLINE_TLS SEATLINE_TLS_PORT CORS_ORIGINS TRUSTED_PROXIES SECURE PRODUCTION)
# Of the limits only what somebody chose is remembered: the default is the mode's.
readonly ADDRESS_CONNECTIONS_JWT=256
declare -rA RATES_JWT=([RATE_BOOKINGS_PER_MIN]=10 [RATE_LISTS_PER_MIN]=100 [RATE_AUTH_PER_MIN]=5)

settings_load() {
	local name value

	if [[ -r $STATE/settings ]]; then
		while IFS='=' read -r name value; do
			[[ " ${SETTINGS[*]} " == *" $name "* && -z ${!name:-} ]] || continue
			printf -v "$name" '%s' "$value"
		done <"$STATE/settings"
	fi
	: "${SEATLINE_GATEWAY_HOST:=127.0.0.1}" "${SEATLINE_GATEWAY_PORT:=8080}"
	: "${SEATLINE_PORT_BASE:=18000}" "${PARTITIONS:=12}"
	: "${KAFKA_FLUSH_MESSAGES:=$KAFKA_FLUSH_NEVER}"
	: "${WRITE_API_INSTANCES:=1}" "${WORKER_INSTANCES:=1}"
	: "${PROJECTOR_INSTANCES:=1}" "${READ_API_INSTANCES:=1}"
	: "${WRITES_MAX:=256}" "${READS_MAX:=64}"
	[[ $SEATLINE_GATEWAY_HOST =~ ^([0-9]{1,3}\.){3}[0-9]{1,3}$ ]] ||
		die "SEATLINE_GATEWAY_HOST is '$SEATLINE_GATEWAY_HOST', but must be an IPv4 address"
	setting_check SEATLINE_GATEWAY_PORT 1 65535
	setting_check SEATLINE_PORT_BASE 1024 "$PORT_BASE_MAX"
	setting_check PARTITIONS 1 1000
	setting_check KAFKA_FLUSH_MESSAGES 1 "$KAFKA_FLUSH_NEVER"
	for name in WRITE_API WORKER PROJECTOR READ_API; do
		setting_check "${name}_INSTANCES" 1 "$INSTANCES_MAX"
	done
	setting_check WRITES_MAX 1 "$AT_ONCE_MAX"
	setting_check READS_MAX 1 "$AT_ONCE_MAX"
	settings_outside
}

# Who may come, how often, and from where.
settings_outside() {
	local name

	: "${AUTH_MODE:=open}" "${SEATLINE_TLS:=0}" "${SEATLINE_TLS_PORT:=8443}"
	: "${CORS_ORIGINS:=none}" "${TRUSTED_PROXIES:=none}" "${SECURE:=0}" "${PRODUCTION:=0}"
	[[ $AUTH_MODE == open || $AUTH_MODE == jwt ]] ||
		die "AUTH_MODE is '$AUTH_MODE', but must be open or jwt"
	for name in "${!RATES_JWT[@]}"; do
		[[ -z ${!name:-} ]] || setting_check "$name" 0 60000
	done
	[[ -z ${ADDRESS_CONNECTIONS_MAX:-} ]] || setting_check ADDRESS_CONNECTIONS_MAX 0 65535
	setting_check SEATLINE_TLS 0 1
	setting_check SEATLINE_TLS_PORT 1 65535
	setting_check SECURE 0 1
	setting_check PRODUCTION 0 1
	origins_check
	proxies_check
}

proxies_check() {
	local proxy proxies pattern='^([0-9]{1,3}\.){3}[0-9]{1,3}(/[0-9]{1,2})?$'

	[[ $TRUSTED_PROXIES != none ]] || return 0
	read -ra proxies <<<"$TRUSTED_PROXIES"
	for proxy in "${proxies[@]}"; do
		[[ $proxy =~ $pattern ]] ||
			die "TRUSTED_PROXIES has '$proxy', but must be none or like 10.1.0.0/16"
	done
}

# An origin as a browser sends it, or nothing; "*" and "null" are everybody.
origins_check() {
	local origin origins pattern='^https?://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[1-9][0-9]{0,4})?$'

	[[ $CORS_ORIGINS != none ]] || return 0
	read -ra origins <<<"$CORS_ORIGINS"
	for origin in "${origins[@]}"; do
		[[ $origin =~ $pattern ]] ||
			die "CORS_ORIGINS has '$origin', but must be none or like https://a.example"
	done
}

# Before anything starts; what runs can be looked at and stopped in any case.
open_mode_check() {
	[[ $AUTH_MODE == jwt || $SEATLINE_GATEWAY_HOST == 127.* ]] ||
		[[ ${OPEN_MODE_ANYWHERE:-} == true ]] ||
		die "in open mode everybody may do everything, and SEATLINE_GATEWAY_HOST is" \
			"$SEATLINE_GATEWAY_HOST: set AUTH_MODE=jwt, or OPEN_MODE_ANYWHERE=true"
}

# rate NAME: prints what one address, or one user, may do in a minute; 0: as much as it likes.
rate() {
	if [[ -n ${!1:-} ]]; then
		printf '%d' "$((10#${!1}))"
	elif [[ $AUTH_MODE == jwt ]]; then
		printf '%d' "${RATES_JWT[$1]}"
	else
		printf 0
	fi
}

gateway_url() {
	local host=$SEATLINE_GATEWAY_HOST

	[[ $host != 0.0.0.0 ]] || host=127.0.0.1
	readonly GATEWAY_URL=http://$host:$SEATLINE_GATEWAY_PORT
}

# setting_check NAME LEAST MOST
setting_check() {
	[[ ${!1} =~ ^[0-9]{1,5}$ ]] && ((10#${!1} >= $2 && 10#${!1} <= $3)) ||
		die "$1 is '${!1}', but must be a number from $2 to $3"
}

settings_save() {
	local name

	for name in "${SETTINGS[@]}"; do
		printf '%s=%s\n' "$name" "${!name:-}"
	done >"$STATE/settings.new"
	mv -f -- "$STATE/settings.new" "$STATE/settings"
}

readonly SECRETS=(PG_ADMIN_PASSWORD PG_WORKER_PASSWORD PG_PROJECTOR_PASSWORD PG_WRITE_API_PASSWORD
	REDIS_ADMIN_PASSWORD REDIS_WRITE_API_PASSWORD REDIS_WORKER_PASSWORD REDIS_READ_API_PASSWORD
	MONGO_KEY MONGO_ADMIN_PASSWORD MONGO_PROJECTOR_PASSWORD MONGO_READ_API_PASSWORD
	KAFKA_BROKER_PASSWORD KAFKA_ADMIN_PASSWORD KAFKA_WRITE_API_PASSWORD KAFKA_WORKER_PASSWORD
	KAFKA_PROJECTOR_PASSWORD BOOKING_ID_SECRET JWT_KEY)
readonly DEMO_MARK=de305ec2 # in a secret: no program takes it with PRODUCTION=true

# Reads the secrets; makes those that are not there yet: 64 hexadecimal digits, no password needs
# quoting, and each may be a key.
secrets_load() {
	local name value mark=$DEMO_MARK missing=()

	if [[ -r $STATE/secrets ]]; then
		while IFS='=' read -r name value; do
			[[ " ${SECRETS[*]} " == *" $name "* ]] && printf -v "$name" '%s' "$value"
		done <"$STATE/secrets"
	fi
	for name in "${SECRETS[@]}"; do
		[[ -n ${!name:-} ]] || missing+=("$name")
	done
	((${#missing[@]})) || return 0
	((PRODUCTION == 0)) || mark=
	(
		umask 077
		for name in "${missing[@]}"; do
			value=$mark$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
			printf '%s=%s\n' "$name" "${value:0:64}"
		done >>"$STATE/secrets"
	)
	secrets_load
}

# address_connections: prints how many requests of one address are taken at once; 0: any.
address_connections() {
	if [[ -n ${ADDRESS_CONNECTIONS_MAX:-} ]]; then
		printf '%d' "$((10#$ADDRESS_CONNECTIONS_MAX))"
	elif [[ $AUTH_MODE == jwt ]]; then
		printf '%d' "$ADDRESS_CONNECTIONS_JWT"
	else
		printf 0
	fi
}

# --- processes -------------------------------------------------------------------------------

# process_stat PID: its state and start time, as "S 12345"; fails when there is none.
process_stat() {
	local stat rest

	read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
	rest=${stat##*) } # the name in parentheses may hold anything
	# shellcheck disable=SC2086  # split into fields on purpose
	set -- $rest
	printf '%s %s' "$1" "${20}"
}

# service_pid NAME: prints the pid if the process in its pid file runs and is the one we started.
service_pid() {
	local pid started now

	read -r pid started 2>/dev/null <"$STATE/pid/$1.pid" || return 1
	now=$(process_stat "$pid") || return 1
	[[ ${now#* } == "$started" && ${now%% *} != Z ]] || return 1
	printf '%s' "$pid"
}

service_is_running() { service_pid "$1" >/dev/null; }

# Becomes the command, with no descriptor but the first three: a service that kept a lock of this
# script, or a pipe of whoever called it, would hold that for as long as it runs.
service_exec() {
	local descriptor

	for descriptor in /proc/self/fd/*; do
		descriptor=${descriptor##*/}
		((descriptor <= 2)) || eval "exec $descriptor>&-"
	done
	exec setsid "$@"
}

# private_directory DIRECTORY: for who started this alone, also one that was made otherwise.
private_directory() {
	(umask 077 && mkdir -p -- "$1")
	chmod 700 -- "$1"
}

# log_rotate FILE: at each start of what writes it.
log_rotate() {
	if [[ -f $1 ]] && (($(stat -c %s -- "$1") > LOG_BYTES_MAX)); then
		mv -f -- "$1" "$1.old"
	fi
}

# service_launch NAME COMMAND [ARGUMENT...]: in the background, in a session of its own, logging to
# its file. Secrets go in files or the environment: arguments are for all to see.
service_launch() {
	local name=$1 log=$STATE/log/$1.log pid now
	shift
	log_rotate "$log"
	service_exec "$@" </dev/null >>"$log" 2>&1 &
	pid=$!
	now=$(process_stat "$pid") || die "$name ended at once"
	printf '%s %s\n' "$pid" "${now#* }" >"$STATE/pid/$name.pid"
}

# wait_until NAME SECONDS WHAT COMMAND...: until the command succeeds; fails at once when the
# service has ended.
wait_until() {
	local name=$1 seconds=$2 what=$3 from now
	shift 3
	now_ms from
	until "$@" >/dev/null 2>&1; do
		if ! service_is_running "$name"; then
			say "error: $name ended while waiting for it to $what"
			return 1
		fi
		now_ms now
		if ((now - from > seconds * 1000)); then
			say "error: $name did not $what within $seconds s"
			return 1
		fi
		sleep 0.05
	done
}

# service_stop NAME SIGNAL [SIGKILL group]: asks, waits, and kills what does not listen.
service_stop() {
	local name=$1 signal=$2 pid from now

	STEP_RESULT='not running'
	if pid=$(service_pid "$name"); then
		kill -s "$signal" "$pid" 2>/dev/null || true
		now_ms from
		STEP_RESULT=stopped
		while service_is_running "$name"; do
			now_ms now
			if ((now - from > STOP_S * 1000)); then
				warn "$name did not end within $STOP_S s of SIG$signal: killed"
				STEP_RESULT=killed
				kill -s KILL "$pid" 2>/dev/null || true
				sleep 0.2
				break
			fi
			sleep 0.02
		done
	fi
	rm -f -- "$STATE/pid/$name.pid"
}

port_is_open() { (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# http_answers URL: with any status; http_ok URL: with 2xx; both within a second.
http_answers() { curl --silent --max-time 1 --noproxy '*' --output /dev/null "$@"; }
http_ok() { http_answers "$1" --fail; }
