#!/bin/bash
# Passwords of the roles that the migrations made, and the sample events. May run any number of
# times. On stdin, because arguments are for all to see; the passwords are hexadecimal.
set -euo pipefail

{
	printf "ALTER ROLE %s LOGIN PASSWORD '%s';\n" \
		seatline_worker "$PG_WORKER_PASSWORD" seatline_projector "$PG_PROJECTOR_PASSWORD" \
		seatline_write_api "$PG_WRITE_API_PASSWORD"
	# The databases that PostgreSQL brings along let everybody in.
	printf 'REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC;\n'
	cat /seatline/seed.sql
} | psql --no-psqlrc --quiet --set ON_ERROR_STOP=1
