# shellcheck shell=bash
# services - the commands of native mode over all services, in the order in which a booking travels.

# 1 while everything is being started: then each program must become ready.
START_ALL=0

native_prepare() {
	settings_load
	local base=$SEATLINE_PORT_BASE

	readonly KAFKA_PORT=$((base + 92)) KAFKA_CONTROLLER_PORT=$((base + 93))
	readonly PG_PORT=$((base + 432)) REDIS_PORT=$((base + 379))
	readonly MONGO_PORT=$((base + 17)) LIVE_PORT=$((base + 89))
	gateway_url
}

# Makes the state directory, and lets one start or stop at a time have it.
state_open() {
	mkdir -p -- "$RUN/opt" "$STATE"
	if [[ ! -e $STATE/.seatline-state ]]; then
		[[ -z $(ls -A -- "$STATE") ]] || die "$STATE holds something that is not Seatline's"
		: >"$STATE/.seatline-state"
	fi
	chmod 711 -- "$STATE"
	mkdir -p -- "$STATE/pid" "$STATE/log" "$STATE/tmp"
	chmod 700 -- "$STATE/pid" "$STATE/log" "$STATE/tmp"
	exec 9>"$STATE/lock"
	flock --wait "$LOCK_S" 9 || die "another start or stop has held $STATE/lock for $LOCK_S s"
}

# --- names -----------------------------------------------------------------------------------

# service_names [NAME...]: the named services, or all, as instances in the order of travel.
service_names() {
	local name program known=" ${SERVERS[*]} ${PROGRAMS[*]} nginx "

	for name in "$@"; do
		[[ $known == *" $name "* ]] || program_split "$name" ||
			die "there is no service '$name'; ./start-services.sh help names them"
	done
	for name in "${SERVERS[@]}"; do
		is_wanted "$name" "$@" && printf '%s\n' "$name"
	done
	for program in "${PROGRAMS[@]}"; do
		for name in $(program_instances "$program" "$@"); do
			is_wanted "$program" "$@" || is_wanted "$name" "$@" || continue
			printf '%s\n' "$name"
		done
	done
	is_wanted nginx "$@" && printf 'nginx\n'
	return 0
}

# is_wanted NAME [WANTED...]: no list wants everything.
is_wanted() {
	local name=$1
	shift
	(($# == 0)) || [[ " $* " == *" $name "* ]]
}

# program_instances PROGRAM [NAME...]: as configured, and those that were started or named beyond.
program_instances() {
	local program=$1 file
	shift
	{
		program_names "$program"
		for file in "$STATE/pid/$program"-*.pid; do
			[[ -e $file ]] && basename -- "$file" .pid
		done
		printf '%s\n' "$@" | grep -E "^$program-[0-9]+\$" || true
	} | sort -u -V
}

service_ports() {
	case $1 in
	kafka | postgresql | redis | mongodb | nginx) "${1}_ports" ;;
	*) program_ports "$1" ;;
	esac
}

service_start() {
	case $1 in
	kafka | postgresql | redis | mongodb | nginx) "${1}_start" ;;
	*) program_start "$1" ;;
	esac
}

# service_halt NAME: stops it the way it likes to be stopped.
service_halt() {
	case $1 in
	kafka | postgresql | redis | mongodb | nginx) "${1}_stop" ;;
	*) service_stop "$1" TERM ;;
	esac
}

# --- up --------------------------------------------------------------------------------------

# port_owner PORT LISTENERS: prints who listens on it, by the lines of ss; nothing when nobody does.
port_owner() {
	awk -v port="$1" <<<"$2" \
		'$4 ~ ":" port "$" { print ($6 == "" ? "another user" : $6); exit }' |
		sed -E 's/^users:\(\("([^"]*)",pid=([0-9]+).*/\1 (pid \2)/'
}

# ports_taken NAME...: a line for every port that a stopped service needs and somebody has.
ports_taken() {
	local name port listeners who

	listeners=$(ss --listening --tcp --numeric --processes --no-header)
	for name in "$@"; do
		! service_is_running "$name" || continue
		for port in $(service_ports "$name"); do
			who=$(port_owner "$port" "$listeners")
			[[ -z $who ]] || say "error: port $port, for $name, is taken by $who"
		done
	done
}

# A process that was just killed keeps its ports for a moment.
ports_check() {
	local taken from now

	now_ms from
	now=$from
	while taken=$(ports_taken "$@") && [[ -n $taken ]]; do
		((now - from < PORTS_FREE_MS)) || break
		sleep 0.1
		now_ms now
	done
	[[ -n $taken ]] || return 0
	cat >&2 <<-END
		$taken
		Stop that, or choose other ports: SEATLINE_GATEWAY_PORT, now $SEATLINE_GATEWAY_PORT,
		for the gateway; SEATLINE_PORT_BASE, now $SEATLINE_PORT_BASE, for everything else.
	END
	exit 1
}

# Kafka either asks everybody who they are, or nobody: what runs and what is started have to agree.
secure_check() {
	local name before

	[[ -r $STATE/settings ]] || return 0
	before=$(sed -n 's/^SECURE=//p' -- "$STATE/settings")
	[[ ${before:-0} != "$SECURE" ]] || return 0
	for name in $(service_names kafka write-api worker projector); do
		! service_is_running "$name" ||
			die "$name runs with SECURE=${before:-0}: ./start-services.sh stop, and" \
				"start with SECURE=$SECURE then"
	done
}

# As each program would find for itself, but before anything that runs is stopped for it.
production_check() {
	((PRODUCTION)) || return 0
	[[ $AUTH_MODE == jwt ]] || die 'PRODUCTION=1 needs AUTH_MODE=jwt'
	! grep -q "=$DEMO_MARK" -- "$STATE/secrets" ||
		die "the secrets of $STATE are the demo's: start with PRODUCTION=1 in another" \
			"SEATLINE_STATE_DIR, or after ./start-services.sh reset"
}

# outside_check NAME...: what is started by name must not open what runs and is not named.
outside_check() {
	local api

	[[ " $* " == *' nginx '* ]] || ! nginx_is_elsewhere ||
		die "nginx listens on $(nginx_host): name it too, or nothing"
	[[ " $* " == *' nginx '* && $SEATLINE_GATEWAY_HOST != 127.* ]] || return 0
	for api in $(service_names write-api read-api); do
		[[ " $* " == *" $api "* ]] || ! service_is_running "$api" ||
			program_is_as_asked "$api" ||
			die "$api runs with other settings: name it too, or nothing"
	done
}

# step NAME FUNCTION...: in the foreground, for what may ask for a password or takes minutes.
step() {
	local name=$1 from to
	shift
	now_ms from
	"$@"
	now_ms to
	step_line "$name" "$STEP_RESULT" "$((to - from))"
}

# What all states share is installed by one start at a time.
install_all() {
	exec 8>"$RUN/lock"
	flock --wait "$LOCK_S" 8 || die "another start has been installing for $LOCK_S s"
	step packages install_packages
	step downloads install_downloads
}

native_up() {
	local names servers=() programs=() name from to

	now_ms from
	mapfile -t names < <(service_names "$@")
	((${#names[@]})) || exit 1
	(($#)) || START_ALL=1
	open_mode_check
	state_open
	secure_check
	secrets_load
	production_check
	outside_check "${names[@]}"
	command -v ss >/dev/null && ports_check "${names[@]}"
	install_all
	ports_check "${names[@]}" # a bare machine has no ss before
	settings_save
	for name in "${names[@]}"; do
		case $name in
		kafka | postgresql | redis | mongodb) servers+=("$name") ;;
		nginx) ;;
		*) programs+=("$name") ;;
		esac
	done
	start_group "${servers[@]}" "${programs[@]:+build}"
	exec 8>&- # what was built is complete
	# Programs that become open do so behind no gateway that the world can reach, and those that
	# cease to be open have done so before it can.
	! nginx_is_elsewhere || step nginx nginx_stop
	start_group "${programs[@]}"
	[[ " ${names[*]} " != *' nginx '* ]] || start_group nginx
	now_ms to
	((START_ALL == 0)) || show_first_steps "$((to - from))"
}

# start_group NAME...: at the same time; exits when one fails. "build" compiles the programs.
start_group() {
	local name names=()

	for name in "$@"; do
		[[ -n $name ]] && names+=("$name")
	done
	for name in "${names[@]}"; do
		if [[ $name == build ]]; then
			step_begin build install_programs
		else
			step_begin "$name" service_start "$name"
		fi
	done
	steps_end "${names[@]}"
}

# --- what to do first --------------------------------------------------------------------------

# The demo's, in jwt mode: made at the first start in it, and their passwords shown then and never
# again. Whoever runs it in production makes accounts with names.
readonly DEMO_ACCOUNTS=(admin@example.com:admin user@example.com:user)

# Makes them, and sets DEMO_PASSWORDS.
make_demo_accounts() {
	local account made

	DEMO_PASSWORDS=()
	[[ $AUTH_MODE == jwt && $PRODUCTION == 0 && ! -e $STATE/accounts ]] || return 0
	for account in "${DEMO_ACCOUNTS[@]}"; do
		made=$("$(mode)_account" "${account%:*}" "${account#*:}" </dev/null)
		[[ $made =~ \"password\":\"([^\"]+)\" ]] || die "no account was made: $made"
		DEMO_PASSWORDS+=("${BASH_REMATCH[1]}")
	done
	: >"$STATE/accounts"
}

# show_first_steps MILLISECONDS
show_first_steps() {
	local json="-H 'Content-Type: application/json'" url=$GATEWAY_URL
	local booking='{"userId":"u1","eventId":"concert123","seatId":"A1"}'

	make_demo_accounts
	cat <<-END

		Seatline runs: $url (started in $(($1 / 1000)).$(($1 % 1000 / 100)) s)
	END
	((SEATLINE_TLS == 0)) ||
		say "and https:${url:5:-${#SEATLINE_GATEWAY_PORT}}$SEATLINE_TLS_PORT"
	cat <<-END

		  $url/docs says what can be asked, and lets you try it

		  curl $url/api/events
	END
	if [[ $AUTH_MODE == jwt ]]; then
		booking='{"eventId":"concert123","seatId":"A1"}'
		show_login "$json"
		json+=' -H "Authorization: Bearer $token"'
	fi
	cat <<-END
		  curl $json -d '$booking' $url/api/book
		  curl $url/api/events/concert123
		  curl -N -H 'Accept: text/event-stream' $url/api/events/concert123/live
	END
	show_demo_accounts
	((PRODUCTION == 0)) ||
		printf '\nThe first administrator: ./start-services.sh account EMAIL admin\n'
	say
	say './start-services.sh status, logs, stop and reset do what they say.'
}

# show_login JSON_HEADER: in a shell that has no parser of JSON.
show_login() {
	local who="{\"email\":\"user@example.com\",\"password\":\"${DEMO_PASSWORDS[1]:-...}\"}"

	cat <<-END
		  token=\$(curl -s $1 -d '$who' $GATEWAY_URL/api/auth/login |
		    sed -E 's/.*"token":"([^"]*)".*/\\1/')
	END
}

show_demo_accounts() {
	local i

	((${#DEMO_PASSWORDS[@]})) || return 0
	printf '\nAccounts, made now. Their passwords are shown this once and kept nowhere:\n\n'
	for ((i = 0; i < ${#DEMO_ACCOUNTS[@]}; i++)); do
		printf '  %-6s %s  %s\n' "${DEMO_ACCOUNTS[i]#*:}" "${DEMO_ACCOUNTS[i]%:*}" \
			"${DEMO_PASSWORDS[i]}"
	done
}

# --- the other commands ----------------------------------------------------------------------

# Who asks goes before who answers: the gateway, the programs (none asks another), the servers.
# shellcheck disable=SC2120  # reset stops all of them, a user names some
native_stop() {
	local names name servers=() programs=() gateway=()

	mapfile -t names < <(service_names "$@")
	((${#names[@]})) || exit 1
	[[ -e $STATE/.seatline-state ]] || {
		say 'nothing was ever started'
		return 0
	}
	state_open
	for name in "${names[@]}"; do
		case $name in
		kafka | postgresql | redis | mongodb) servers=("$name" "${servers[@]}") ;;
		nginx) gateway=(nginx) ;;
		*) programs=("$name" "${programs[@]}") ;;
		esac
	done
	stop_group "${gateway[@]}"
	stop_group "${programs[@]}"
	stop_group "${servers[@]}"
}

stop_group() {
	local name

	for name in "$@"; do
		step_begin "$name" service_halt "$name"
	done
	steps_end "$@"
}

native_reset() {
	(($# == 0)) || die 'reset takes no names: the data of the parts belongs together'
	[[ -e $STATE/.seatline-state ]] || {
		say "there is no data in $STATE"
		return 0
	}
	native_stop
	postgresql_delete
	rm -rf -- "$STATE"
	say "deleted $STATE"
}

# status_line NAME: state, pid, since when, ports, health.
status_line() {
	local name=$1 pid ports since health=-

	ports=$(service_ports "$name" | paste -sd, -)
	if ! pid=$(service_pid "$name"); then
		printf '%-14s %-8s %-8s %-20s %-18s %s\n' "$name" stopped - - "$ports" -
		return 0
	fi
	since=$(date -d "@$(stat -c %Y -- "$STATE/pid/$name.pid")" '+%F %T')
	health=$(service_health "$name")
	printf '%-14s %-8s %-8s %-20s %-18s %s\n' "$name" running "$pid" "$since" "$ports" "$health"
}

service_health() {
	local url

	case $1 in
	kafka | postgresql | redis | mongodb)
		port_is_open "$("${1}_ports" | head -n 1)" || printf 'not '
		printf listening
		return 0
		;;
	nginx) url=$GATEWAY_URL/healthz ;;
	*)
		program_split "$1"
		url=http://127.0.0.1:$(program_ops_port "$PROGRAM" "$INDEX")/readyz
		;;
	esac
	if http_ok "$url"; then printf ready; else printf 'not ready: %s' "$url"; fi
}

native_status() {
	local names name

	mapfile -t names < <(service_names "$@")
	((${#names[@]})) || exit 1
	printf '%-14s %-8s %-8s %-20s %-18s %s\n' NAME STATE PID SINCE PORTS HEALTH
	for name in "${names[@]}"; do
		status_line "$name"
	done
}

# native_logs [NAME...] [-f]
native_logs() {
	local names=() wanted=() files=() name follow=()

	for name in "$@"; do
		if [[ $name == -f ]]; then follow=(--follow); else wanted+=("$name"); fi
	done
	mapfile -t names < <(service_names "${wanted[@]}")
	((${#names[@]})) || exit 1
	for name in "${names[@]}"; do
		[[ ! -e $STATE/log/$name.log ]] || files+=("$STATE/log/$name.log")
	done
	((${#files[@]})) || die "no logs in $STATE/log yet"
	tail -n "$LOG_LINES_SHOWN" "${follow[@]}" -- "${files[@]}"
}

# For tests and for whoever wants to look inside: eval "$(./start-services.sh env)".
native_env() {
	[[ -r $STATE/secrets ]] || die 'nothing was started yet'
	secrets_load
	local pg="host=127.0.0.1 port=$PG_PORT dbname=seatline user=postgres"
	local mongo="127.0.0.1:$MONGO_PORT/?replicaSet=rs0&authSource=admin"

	cat <<END
SEATLINE_URL='$GATEWAY_URL'
SEATLINE_SECURE='$SECURE'
TEST_KAFKA_BROKERS='127.0.0.1:$KAFKA_PORT'
TEST_PG_DSN='$pg password=$PG_ADMIN_PASSWORD'
TEST_REDIS_HOST='127.0.0.1'
TEST_REDIS_PORT='$REDIS_PORT'
TEST_REDIS_USER='seatline_admin'
TEST_REDIS_PASSWORD='$REDIS_ADMIN_PASSWORD'
TEST_MONGO_URI='mongodb://seatline_admin:$MONGO_ADMIN_PASSWORD@$mongo'
END
}

# --- accounts ------------------------------------------------------------------------------------

# native_account EMAIL ROLE: write-api's own command, with all that it needs to know.
native_account() (
	(($# == 2)) || die 'account takes an e-mail address and a role, user or admin'
	service_is_running postgresql || die 'postgresql has to run: ./start-services.sh up'
	secrets_load
	PROGRAM=write-api INDEX=0
	program_environment
	LOG_LEVEL=${LOG_LEVEL:-warn} exec "$(program_file write-api)" --add-account "$1" "$2"
)

# --- verify, rebuild ---------------------------------------------------------------------------

# projector_command OPTION: a projector of its own; a running one makes way for it.
projector_command() {
	service_is_running postgresql && service_is_running mongodb ||
		die 'postgresql and mongodb have to run: ./start-services.sh up'
	secrets_load
	local PROGRAM=projector INDEX=0

	program_environment
	LOG_LEVEL=${LOG_LEVEL:-warn} exec "$(program_file projector)" "$1"
}

native_verify() { projector_command --verify; }
native_rebuild() { projector_command --rebuild; }
