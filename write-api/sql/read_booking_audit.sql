-- What administrators did about one booking that is no command, newest first.
-- $1 booking, $2 before which one, $3 how many.
SELECT seq, (extract(epoch FROM at) * 1000)::bigint,
       json_build_object(
           'at', to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
           'actor', actor, 'role', role, 'address', address, 'request_id', request_id,
           'event_id', event_id, 'booking_id', detail->>'booking_id', 'action', action,
           'result', NULL, 'refusal', NULL, 'detail', detail)
FROM audit_log
WHERE detail->>'booking_id' = $1 AND seq < $2::bigint
ORDER BY seq DESC
LIMIT $3::integer
