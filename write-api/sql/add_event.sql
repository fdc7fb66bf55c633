-- A new event, without its seats. No row: there is one with this id.
-- $1 event, $2 name, $3 kind, $4 start, $5 venue, $6 hold_ttl_ms, $7 hold_extensions_max,
-- $8 seats_per_user_max, $9 holds_per_user_max, $10 sales open, $11 and close, $12 currency.
INSERT INTO events (event_id, name, kind, starts_at, venue, hold_ttl_ms, hold_extensions_max,
                    seats_per_user_max, holds_per_user_max, sales_open_at, sales_close_at,
                    currency)
VALUES ($1, $2, $3, $4::timestamptz, $5, $6::integer, $7::integer, $8::integer, $9::integer,
        $10::timestamptz, $11::timestamptz, $12)
ON CONFLICT (event_id) DO NOTHING
RETURNING version
