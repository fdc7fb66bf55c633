# shellcheck shell=bash
# postgres - the write model: a cluster of its own, its schema, roles and sample events.

readonly PG_BIN=/usr/lib/postgresql/15/bin
readonly PG_ELSEWHERE=/var/lib # where data goes that user postgres cannot reach in the checkout

readonly PG_FORMER_MS=10000

postgresql_ports() { printf '%s\n' "$PG_PORT"; }

# PostgreSQL refuses to run as root; anybody else runs it as themselves. It execs: the pid stays.
pg_user() {
	if ((EUID == 0)); then
		printf '%s\n' setpriv --reuid=postgres --regid=postgres --init-groups
	fi
}

# Makes $STATE/postgresql, the directory of the cluster, and prints a warning when that is a link to
# another place because user postgres cannot enter the checkout.
pg_directory() {
	local link=$STATE/postgresql elsewhere

	[[ -d $link/ ]] && return 0
	if ((EUID != 0)); then
		mkdir -p -- "$link"
		return 0
	fi
	if setpriv --reuid=postgres --regid=postgres --init-groups test -x "$STATE"; then
		install -d -o postgres -g postgres -m 700 -- "$link"
		return 0
	fi
	elsewhere=$PG_ELSEWHERE/seatline-$(printf '%s' "$STATE" | sha256sum | head -c 12)
	pg_delete_orphan "$elsewhere"
	install -d -o postgres -g postgres -m 700 -- "$elsewhere"
	ln -sfn -- "$elsewhere" "$link"
	say "warning: user postgres cannot enter $STATE: the cluster is in $elsewhere"
}

# A cluster that nothing links to any more: its state directory, and with it its passwords, was
# deleted by hand. Nobody can log in to it, and a new one belongs in its place.
pg_delete_orphan() {
	[[ -d $1 ]] || return 0
	[[ -z $(pg_processes "$1/data") ]] ||
		die "a PostgreSQL of a deleted state directory runs in $1: stop it first"
	say "warning: the state directory of the cluster in $1 was deleted: this one replaces it"
	rm -rf -- "$1"
}

# Where the cluster really is: user postgres may be able to go there, but not along the link.
pg_home() { readlink -f -- "$STATE/postgresql"; }

pg_create() {
	local home data password runner

	home=$(pg_home)
	data=$home/data
	password=$home/password
	mapfile -t runner < <(pg_user)
	rm -rf -- "$data" "$data.new" # without PG_VERSION at its final name it never was complete
	(
		umask 077
		printf '%s\n' "$PG_ADMIN_PASSWORD" >"$password"
	)
	((EUID != 0)) || chown postgres: -- "$password"
	"${runner[@]}" "$PG_BIN/initdb" --pgdata "$data.new" --username postgres \
		--pwfile "$password" --auth scram-sha-256 --encoding UTF8 --locale C.UTF-8 \
		--data-checksums \
		>>"$STATE/log/postgresql.log" 2>&1
	rm -f -- "$password"
	mv -- "$data.new" "$data"
}

pg_configure() {
	local data

	data=$(pg_home)/data
	render "$ROOT/native/postgresql.conf" PG_PORT >"$data/postgresql.conf"
	cp -- "$ROOT/native/pg_hba.conf" "$data/pg_hba.conf"
	((EUID != 0)) || chown postgres: -- "$data/postgresql.conf" "$data/pg_hba.conf"
}

# After a crash a new postmaster refuses to start while a process of the former is left: children
# take a moment to notice, and a dead postmaster counts until its parent has read its status. A pid
# that is somebody else's by now costs the whole wait, no more.
pg_wait_for_former() {
	local data pid from now

	data=$(pg_home)/data
	[[ -f $data/postmaster.pid ]] || return 0
	read -r pid <"$data/postmaster.pid"
	now_ms from
	now=$from
	while ((now - from < PG_FORMER_MS)); do
		kill -0 "$pid" 2>/dev/null || [[ -n $(pg_processes "$data") ]] || return 0
		sleep 0.05
		now_ms now
	done
}

# pg_processes DIRECTORY: the processes that work in it.
pg_processes() { find /proc -mindepth 2 -maxdepth 2 -name cwd -lname "$1" 2>/dev/null || true; }

pg_answers() { "$PG_BIN/pg_isready" --quiet --host 127.0.0.1 --port "$PG_PORT"; }

# pg_admin DATABASE: runs the SQL on stdin as superuser.
pg_admin() {
	PGPASSWORD=$PG_ADMIN_PASSWORD PGOPTIONS='-c client_min_messages=warning' \
		"$PG_BIN/psql" --no-psqlrc --quiet --no-align --tuples-only --set ON_ERROR_STOP=1 \
		--host 127.0.0.1 --port "$PG_PORT" --username postgres --dbname "$1"
}

# Migrations, passwords of the roles, sample events: each may run again and then changes nothing.
pg_schema() {
	local server=postgres:$PG_ADMIN_PASSWORD@127.0.0.1:$PG_PORT

	DATABASE_URL="postgres://$server/seatline?sslmode=disable" \
		"$DBMATE" --migrations-dir "$ROOT/db/migrations" --no-dump-schema up
	{
		# On stdin, because arguments are for all to see.
		printf "ALTER ROLE %s LOGIN PASSWORD '%s';\n" \
			seatline_worker "$PG_WORKER_PASSWORD" \
			seatline_projector "$PG_PROJECTOR_PASSWORD" \
			seatline_write_api "$PG_WRITE_API_PASSWORD"
		# The databases that PostgreSQL brings along let everybody in.
		printf 'REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC;\n'
		cat -- "$ROOT/db/seed.sql"
	} | pg_admin seatline
}

postgresql_start() {
	local runner

	STEP_RESULT=running
	if ! service_is_running postgresql; then
		STEP_RESULT=started
		pg_directory
		if [[ ! -f $STATE/postgresql/data/PG_VERSION ]]; then
			pg_create
			STEP_RESULT='created, started'
		fi
		pg_configure
		pg_wait_for_former
		mapfile -t runner < <(pg_user)
		service_launch postgresql "${runner[@]}" "$PG_BIN/postgres" -D "$(pg_home)/data"
	fi
	wait_until postgresql "$SERVER_START_S" 'accept connections' pg_answers
	pg_schema
}

# SIGINT is PostgreSQL's "fast" shutdown: it does not wait for clients to leave.
postgresql_stop() { service_stop postgresql INT; }

# Deletes the cluster, also where it is not below the state directory.
postgresql_delete() {
	local elsewhere

	if [[ -L $STATE/postgresql ]]; then
		elsewhere=$(readlink -- "$STATE/postgresql")
		[[ $elsewhere == "$PG_ELSEWHERE"/seatline-* ]] && rm -rf -- "$elsewhere"
	fi
	rm -rf -- "$STATE/postgresql"
}
