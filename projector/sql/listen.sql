-- Wakes the reader early; it relies on polling.
LISTEN booking_log
