#!/bin/bash
# A replica set of one member, because change streams need one.
set -euo pipefail

# Members of a replica set know each other by this key; it also turns users on.
(umask 077 && printf '%s\n' "$MONGO_KEY" >/data/configdb/key)
# A burst stays in memory until the next checkpoint; the journal makes it durable at once.
burst=eviction_dirty_target=40,eviction_dirty_trigger=60
burst+=,eviction_updates_target=40,eviction_updates_trigger=60
# There is no second member to hand over to: do not wait for one when stopping.
exec mongod --replSet rs0 --bind_ip_all --keyFile /data/configdb/key --wiredTigerCacheSizeGB 1 \
	--wiredTigerEngineConfigString "$burst" \
	--setParameter shutdownTimeoutMillisForSignaledShutdown=100
