-- The next bookings in the order of their ids, how many, and the last one.
-- $1 only those after this id; $2 most bookings.
SELECT ids, cardinality(ids), ids[cardinality(ids)]
FROM (SELECT ARRAY(SELECT booking_id FROM bookings
                   WHERE booking_id > $1::uuid
                   ORDER BY booking_id
                   LIMIT $2::bigint) AS ids) AS page
