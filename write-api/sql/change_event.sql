-- Changes what is given, and the version in any case. $1 event; then in pairs, whether it is given
-- and its value: $2 name, $4 kind, $6 start, $8 venue, $10 hold_ttl_ms, $12 hold_extensions_max,
-- $14 seats_per_user_max, $16 holds_per_user_max, $18 sales open, $20 and close.
UPDATE events
SET name = CASE WHEN $2::boolean THEN $3 ELSE name END,
    kind = CASE WHEN $4::boolean THEN $5 ELSE kind END,
    starts_at = CASE WHEN $6::boolean THEN $7::timestamptz ELSE starts_at END,
    venue = CASE WHEN $8::boolean THEN $9 ELSE venue END,
    hold_ttl_ms = CASE WHEN $10::boolean THEN $11::integer ELSE hold_ttl_ms END,
    hold_extensions_max = CASE WHEN $12::boolean THEN $13::integer
                               ELSE hold_extensions_max END,
    seats_per_user_max = CASE WHEN $14::boolean THEN $15::integer ELSE seats_per_user_max END,
    holds_per_user_max = CASE WHEN $16::boolean THEN $17::integer ELSE holds_per_user_max END,
    sales_open_at = CASE WHEN $18::boolean THEN $19::timestamptz ELSE sales_open_at END,
    sales_close_at = CASE WHEN $20::boolean THEN $21::timestamptz ELSE sales_close_at END,
    version = version + 1
WHERE event_id = $1
RETURNING version, (SELECT count(*) FROM seats WHERE event_id = $1)
