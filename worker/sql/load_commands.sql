-- Which commands were decided before. $1 booking ids, $2 command ids (parallel arrays).
SELECT booking_id, command_id
FROM unnest($1::uuid[], $2::uuid[]) AS wanted (booking_id, command_id)
JOIN booking_log AS l USING (booking_id, command_id)
WHERE l.command_id IS NOT NULL
