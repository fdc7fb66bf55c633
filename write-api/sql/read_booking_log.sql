-- What was decided about one booking, newest first: where to go on, when, and the entry.
-- $1 booking, $2 before which version, $3 how many.
SELECT booking_version, (extract(epoch FROM decided_at) * 1000)::bigint,
       json_build_object(
           'at', to_char(decided_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
           'actor', actor, 'role', NULL, 'address', address, 'request_id', NULL,
           'event_id', event_id, 'booking_id', booking_id,
           'action', coalesce(command, CASE status WHEN 'expired' THEN 'expire'
                                                   ELSE 'sweep' END),
           'result', result, 'refusal', refusal,
           'detail', json_build_object(
               'user_id', user_id, 'mode', mode, 'status', status, 'reason', reason,
               'seats', booking_seats, 'seats_lost', seats_lost,
               'booking_version', booking_version))
FROM booking_log
WHERE booking_id = $1::uuid AND booking_version < $2::bigint
ORDER BY booking_version DESC
LIMIT $3::integer
