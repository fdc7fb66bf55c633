-- Lets one transaction at a time decide about a partition. Before any that writes: an advisory lock is
-- waited for without a transaction id, so the ids have the order of the decisions, and so has the log.
-- $1 cluster id, $2 topic, $3 partition.
SELECT pg_advisory_xact_lock(hashtextextended($1 || '/' || $2, $3::bigint))
