-- The log was told to this topic up to here; never goes back. $1 sink, $2 xid and $3 seq of the last row.
INSERT INTO outbox_progress AS p (sink, xid, seq)
VALUES ($1, $2::xid8, $3::bigint)
ON CONFLICT (sink) DO UPDATE
SET xid = EXCLUDED.xid, seq = EXCLUDED.seq, changed_at = now()
WHERE (p.xid, p.seq) < (EXCLUDED.xid, EXCLUDED.seq)
