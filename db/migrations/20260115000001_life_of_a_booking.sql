-- migrate:up

ALTER TABLE events
    ADD COLUMN hold_ttl_ms         integer NOT NULL DEFAULT 120000
                                   CHECK (hold_ttl_ms BETWEEN 100 AND 86400000),
    ADD COLUMN hold_extensions_max integer NOT NULL DEFAULT 1
                                   CHECK (hold_extensions_max BETWEEN 0 AND 100),
    ADD COLUMN seats_per_user_max  integer CHECK (seats_per_user_max > 0), -- NULL: no limit
    ADD COLUMN sales_open_at       timestamptz, -- NULL: always open
    ADD COLUMN sales_close_at      timestamptz, -- NULL: never closes
    ADD COLUMN cancelled_at        timestamptz, -- NULL: it takes place
    ADD CONSTRAINT events_sales_window CHECK (sales_close_at > sales_open_at),
    -- Times that are none cannot be counted in milliseconds.
    ADD CONSTRAINT events_finite CHECK (
        isfinite(starts_at) AND isfinite(sales_open_at) AND isfinite(sales_close_at)
        AND isfinite(cancelled_at));
-- A map has 10,000 blocks of 1,000 positions at most; ten seats cannot overflow a total.
ALTER TABLE seats
    ADD CONSTRAINT seats_position CHECK (position < 10000000),
    ADD CONSTRAINT seats_price CHECK (price_minor <= 1000000000000);

-- A booking that was never made, but that someone tried to confirm, extend or cancel, is a rejected
-- one without event, owner and seats.
ALTER TABLE bookings
    DROP CONSTRAINT bookings_seat_ids_check,
    ADD CONSTRAINT bookings_seat_ids_check CHECK (cardinality(seat_ids) <= 10),
    ALTER COLUMN event_id DROP NOT NULL,
    ALTER COLUMN user_id DROP NOT NULL,
    ADD COLUMN mode              text CHECK (mode IN ('hold', 'book')),
    ADD COLUMN partition         integer NOT NULL DEFAULT 0, -- of booking_requests: who sweeps it
    ADD COLUMN extensions        integer NOT NULL DEFAULT 0,
    ADD COLUMN idempotency_key   uuid,                       -- hash of user and key
    ADD COLUMN seat_prices       bigint[] NOT NULL DEFAULT '{}', -- as seat_ids; empty when rejected
    ADD COLUMN total_minor       bigint,
    ADD COLUMN currency          char(3),
    ADD COLUMN payment_reference text;

-- Those made before had one seat, booked at once.
UPDATE bookings AS b
SET seat_prices = p.prices, total_minor = p.total, currency = p.currency
FROM (SELECT b.booking_id, e.currency, sum(s.price_minor) AS total,
             array_agg(s.price_minor ORDER BY array_position(b.seat_ids, s.seat_id)) AS prices
      FROM bookings AS b
      JOIN events AS e ON e.event_id = b.event_id
      JOIN seats AS s ON s.event_id = b.event_id AND s.seat_id = ANY (b.seat_ids)
      WHERE b.status <> 'rejected'
      GROUP BY b.booking_id, e.currency) AS p
WHERE p.booking_id = b.booking_id;
UPDATE bookings SET mode = 'book';

ALTER TABLE bookings
    ADD CONSTRAINT bookings_known CHECK (
        event_id IS NOT NULL AND user_id IS NOT NULL AND cardinality(seat_ids) > 0
            AND mode IS NOT NULL
        OR reason = 'booking_not_found'),
    ADD CONSTRAINT bookings_expire CHECK (
        status NOT IN ('held', 'expired') OR expires_at IS NOT NULL),
    ADD CONSTRAINT bookings_priced CHECK (
        status = 'rejected' OR cardinality(seat_prices) = cardinality(seat_ids));

-- What the sweeper looks for. Live bookings of one user are counted by the other.
CREATE INDEX bookings_expiring ON bookings (partition, expires_at) WHERE status = 'held';
CREATE INDEX bookings_live ON bookings (event_id, user_id) WHERE status IN ('held', 'confirmed');
-- One idempotency key of one user is one booking, whatever the event.
CREATE UNIQUE INDEX bookings_by_key ON bookings (idempotency_key)
    WHERE idempotency_key IS NOT NULL;

ALTER TABLE booking_log
    ALTER COLUMN event_id DROP NOT NULL,
    ALTER COLUMN user_id DROP NOT NULL,
    ADD COLUMN mode              text,
    ADD COLUMN command           text,   -- book, hold, confirm, extend, cancel; NULL: the hold ran out
    ADD COLUMN command_id        uuid,   -- of confirm, extend, cancel
    ADD COLUMN actor             text,   -- the user that the command named; NULL: none
    ADD COLUMN result            text NOT NULL DEFAULT 'done'
                                 CHECK (result IN ('done', 'unchanged', 'refused')),
    ADD COLUMN refusal           text,   -- why not done
    ADD COLUMN extensions        integer NOT NULL DEFAULT 0,
    ADD COLUMN seat_prices       bigint[] NOT NULL DEFAULT '{}',
    ADD COLUMN total_minor       bigint,
    ADD COLUMN currency          char(3),
    ADD COLUMN payment_reference text,
    ADD CONSTRAINT booking_log_refusal CHECK ((result = 'done') = (refusal IS NULL));
UPDATE booking_log AS l
SET mode = 'book', command = 'book', actor = l.user_id, seat_prices = b.seat_prices,
    total_minor = b.total_minor, currency = b.currency
FROM bookings AS b WHERE b.booking_id = l.booking_id;

-- The history of a booking; and a second row for one version cannot be.
CREATE UNIQUE INDEX booking_log_by_booking ON booking_log (booking_id, booking_version);
-- A command that is delivered twice has one effect.
CREATE UNIQUE INDEX booking_log_by_command ON booking_log (booking_id, command_id)
    WHERE command_id IS NOT NULL;

-- The worker decides who is over the limit; this stops a worker that decides it wrongly. It counts
-- by a later clock, so it never counts more than the decision did.
CREATE FUNCTION bookings_keep_limit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    over record;
BEGIN
    SELECT a.event_id, a.user_id INTO over
    FROM (SELECT DISTINCT n.event_id, n.user_id, e.seats_per_user_max
          FROM added AS n
          JOIN events AS e USING (event_id)
          WHERE n.status IN ('held', 'confirmed') AND e.seats_per_user_max IS NOT NULL) AS a
    WHERE a.seats_per_user_max <
          (SELECT sum(cardinality(b.seat_ids)) FROM bookings AS b
           WHERE b.event_id = a.event_id AND b.user_id = a.user_id
             AND (b.status = 'confirmed'
                  OR b.status = 'held' AND b.expires_at > clock_timestamp()))
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'user % has more seats of event % than seats_per_user_max',
            over.user_id, over.event_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER bookings_keep_limit AFTER INSERT ON bookings
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION bookings_keep_limit();

-- How far the log was told to the outside: one row a topic.
CREATE TABLE outbox_progress (
    sink       text PRIMARY KEY, -- "<Kafka cluster id>/<topic>"
    xid        xid8 NOT NULL,
    seq        bigint NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 20);

GRANT SELECT ON booking_log TO seatline_worker;
GRANT SELECT, INSERT, UPDATE ON outbox_progress TO seatline_projector;

-- migrate:down
DROP TABLE outbox_progress;
DROP TRIGGER bookings_keep_limit ON bookings;
DROP FUNCTION bookings_keep_limit();
DROP INDEX booking_log_by_command, booking_log_by_booking, bookings_by_key, bookings_live,
    bookings_expiring;
DELETE FROM booking_log WHERE event_id IS NULL OR user_id IS NULL;
ALTER TABLE bookings DROP CONSTRAINT bookings_known, DROP CONSTRAINT bookings_expire,
    DROP CONSTRAINT bookings_priced;
DELETE FROM bookings WHERE event_id IS NULL OR user_id IS NULL;
ALTER TABLE booking_log
    DROP COLUMN mode, DROP COLUMN command, DROP COLUMN command_id, DROP COLUMN actor,
    DROP COLUMN result, DROP COLUMN refusal, DROP COLUMN extensions, DROP COLUMN seat_prices,
    DROP COLUMN total_minor, DROP COLUMN currency, DROP COLUMN payment_reference,
    ALTER COLUMN event_id SET NOT NULL, ALTER COLUMN user_id SET NOT NULL;
ALTER TABLE bookings
    DROP COLUMN mode, DROP COLUMN partition, DROP COLUMN extensions, DROP COLUMN idempotency_key,
    DROP COLUMN seat_prices, DROP COLUMN total_minor, DROP COLUMN currency,
    DROP COLUMN payment_reference,
    DROP CONSTRAINT bookings_seat_ids_check,
    ADD CONSTRAINT bookings_seat_ids_check CHECK (cardinality(seat_ids) BETWEEN 1 AND 10),
    ALTER COLUMN event_id SET NOT NULL, ALTER COLUMN user_id SET NOT NULL;
ALTER TABLE seats DROP CONSTRAINT seats_position, DROP CONSTRAINT seats_price;
ALTER TABLE events
    DROP CONSTRAINT events_finite,
    DROP COLUMN hold_ttl_ms, DROP COLUMN hold_extensions_max, DROP COLUMN seats_per_user_max,
    DROP CONSTRAINT events_sales_window, DROP COLUMN sales_open_at, DROP COLUMN sales_close_at, DROP COLUMN cancelled_at;
REVOKE SELECT ON booking_log FROM seatline_worker;
