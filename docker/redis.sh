#!/bin/sh
# Redis for seat locks, idempotency keys and rate limits: nothing in it outlives it.
set -eu
umask 077

# Who does not log in may do nothing. Each program has its own keys, and the commands that it and
# its scripts use. The passwords are hexadecimal.
none='resetchannels -@all'
limits='+evalsha +script|load +get +set +time'
keys='~seatline:idempotency:* ~seatline:rate:*'
cat >/tmp/users.acl <<END
user default off resetpass resetkeys $none
user seatline_admin on >$REDIS_ADMIN_PASSWORD ~* &* +@all
user seatline_worker on >$REDIS_WORKER_PASSWORD ~seatline:lock:* $none $limits -time +mget +del
user seatline_write_api on >$REDIS_WRITE_API_PASSWORD $keys $none $limits
user seatline_read_api on >$REDIS_READ_API_PASSWORD ~seatline:rate:* $none $limits
END

# A lock that was dropped to make room would be no lock: refuse new ones instead.
exec redis-server --bind '* -::*' --save '' --appendonly no --dir /tmp \
	--maxmemory 256mb --maxmemory-policy noeviction --aclfile /tmp/users.acl
