-- How far the log was told to this topic. $1 sink.
SELECT xid, seq FROM outbox_progress WHERE sink = $1
