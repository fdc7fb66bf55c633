-- Ends the session that holds the lock. $1, $2 the lock.
SELECT count(*) FILTER (WHERE pg_terminate_backend(pid))
FROM pg_locks
WHERE locktype = 'advisory' AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND classid = $1::integer::oid AND objid = $2::integer::oid AND objsubid = 2
  AND pid <> pg_backend_pid()
