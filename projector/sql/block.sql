-- The seats of one block. $1 event, $2 first position, $3 first position of the next block.
SELECT position, seat_id, status, user_id, booking_id, version, section, row_name, number, price_minor
FROM seats
WHERE event_id = $1 AND position >= $2::integer AND position < $3::integer
ORDER BY position
