#!/bin/sh
# Redis for seat locks: nothing in it outlives it.
set -eu
umask 077

# What the programs may do: lock keys, scripts and small values; nothing that lists, flushes or
# configures. The passwords are hexadecimal.
allowed='-@all +@read +@write +@scripting +@connection +@transaction -@dangerous'
cat >/tmp/users.acl <<END
user default on >$REDIS_ADMIN_PASSWORD ~* &* +@all
user seatline on >$REDIS_SEATLINE_PASSWORD ~seatline:* resetchannels $allowed
END

# A lock that was dropped to make room would be no lock: refuse new ones instead.
exec redis-server --bind '* -::*' --save '' --appendonly no --dir /tmp \
	--maxmemory 256mb --maxmemory-policy noeviction --aclfile /tmp/users.acl
