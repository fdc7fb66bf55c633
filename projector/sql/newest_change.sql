-- The last row of the log that this transaction sees.
SELECT xid, seq FROM booking_log ORDER BY xid DESC, seq DESC LIMIT 1
