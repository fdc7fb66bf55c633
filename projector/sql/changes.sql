-- The next rows of the log that no transaction still running can precede.
-- $1 xid and $2 seq of the last row read, $3 most rows.
SELECT xid, seq, booking_id, booking_version, event_id, user_id, status, reason, booking_seats,
       seats_lost,
       floor(extract(epoch FROM requested_at) * 1000)::bigint,
       floor(extract(epoch FROM decided_at) * 1000)::bigint,
       cardinality(seat_ids), seat_ids, seat_positions, seat_statuses, seat_versions
FROM booking_log
WHERE (xid, seq) > ($1::xid8, $2::bigint)
  AND xid < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY xid, seq
LIMIT $3::bigint
