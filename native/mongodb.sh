# shellcheck shell=bash
# mongodb - the read model: a replica set of one member, because change streams need one.

mongodb_ports() { printf '%s\n' "$MONGO_PORT"; }

mongodb_configure() {
	local MONGO_DIR=$STATE/mongodb

	private_directory "$MONGO_DIR"
	mkdir -p -- "$MONGO_DIR/data"
	(
		umask 077
		# Members of a replica set know each other by this key; it also turns users on.
		printf '%s\n' "$MONGO_KEY" >"$MONGO_DIR/key"
	)
	render "$ROOT/native/mongod.conf" MONGO_DIR MONGO_PORT >"$MONGO_DIR/mongod.conf"
}

mongodb_start() {
	STEP_RESULT=running
	if ! service_is_running mongodb; then
		mongodb_configure
		service_launch mongodb "$MONGOD" --config "$STATE/mongodb/mongod.conf"
		STEP_RESULT=started
	fi
	wait_until mongodb "$SERVER_START_S" 'listen' port_is_open "$MONGO_PORT"
	(
		export MONGO_ADMIN_PASSWORD MONGO_PROJECTOR_PASSWORD MONGO_READ_API_PASSWORD
		exec /usr/bin/python3 "$ROOT/native/mongodb-setup.py" \
			"127.0.0.1:$MONGO_PORT" seatline "$SERVER_START_S"
	)
}

mongodb_stop() { service_stop mongodb TERM; }
