-- Bookings that were decided before, and what they asked for. $1 booking ids.
SELECT booking_id, event_id, user_id, seat_ids FROM bookings WHERE booking_id = ANY ($1::uuid[])
