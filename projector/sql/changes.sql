-- The next rows of the log that no transaction still running can precede.
-- $1 xid and $2 seq of the last row read, $3 most rows.
SELECT xid, seq, booking_id, booking_version, event_id, user_id, mode, booking_seats, status, reason,
       seats_lost, seat_prices, total_minor, currency, payment_reference, extensions,
       floor(extract(epoch FROM requested_at) * 1000)::bigint,
       floor(extract(epoch FROM decided_at) * 1000)::bigint,
       floor(extract(epoch FROM expires_at) * 1000)::bigint,
       command, command_id, actor, result, refusal,
       cardinality(seat_ids), seat_ids, seat_positions, seat_statuses, seat_versions
FROM booking_log
WHERE (xid, seq) > ($1::xid8, $2::bigint)
  AND xid < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY xid, seq
LIMIT $3::bigint
