#!/bin/bash
# A replica set of one member, because change streams need one.
set -euo pipefail

# Members of a replica set know each other by this key; it also turns users on.
(umask 077 && printf '%s\n' "$MONGO_KEY" >/data/configdb/key)
# There is no second member to hand over to: do not wait for one when stopping.
exec mongod --replSet rs0 --bind_ip_all --keyFile /data/configdb/key --wiredTigerCacheSizeGB 1 \
	--setParameter shutdownTimeoutMillisForSignaledShutdown=100
