-- How much of the log is not read yet, and the age in ms of its oldest row: also of what must still wait
-- for an older transaction. $1 xid and $2 seq of the last row read, $3 most rows counted.
SELECT count(*), coalesce(greatest(0, floor(extract(epoch FROM clock_timestamp() - min(decided_at)) * 1000)), 0)::bigint
FROM (SELECT decided_at
      FROM booking_log
      WHERE (xid, seq) > ($1::xid8, $2::bigint)
      ORDER BY xid, seq
      LIMIT $3::bigint) AS unread
