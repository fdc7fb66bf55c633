-- migrate:up

-- Administration: seats that are blocked and events that are cancelled through the ordered log, a
-- limit on live holds, and who asked for what from where.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'seatline_write_api') THEN
        CREATE ROLE seatline_write_api NOLOGIN;
    END IF;
END
$$;

-- Seats that one user holds at once, not confirmed yet. NULL: no limit.
ALTER TABLE events ADD COLUMN holds_per_user_max integer CHECK (holds_per_user_max > 0);
CREATE INDEX events_cancelled ON events (event_id) WHERE cancelled_at IS NOT NULL;

-- What an administrator asks for is a booking of its own kind, without prices; done, or rejected.
ALTER TABLE bookings
    DROP CONSTRAINT bookings_mode_check,
    ADD CONSTRAINT bookings_mode_check
        CHECK (mode IN ('hold', 'book', 'block', 'unblock', 'cancel_event')),
    DROP CONSTRAINT bookings_status_check,
    ADD CONSTRAINT bookings_status_check
        CHECK (status IN ('held', 'confirmed', 'rejected', 'cancelled', 'expired', 'done')),
    ADD CONSTRAINT bookings_done CHECK (
        status = 'rejected' OR (status = 'done') = (mode IN ('block', 'unblock', 'cancel_event'))),
    DROP CONSTRAINT bookings_known,
    ADD CONSTRAINT bookings_known CHECK (
        event_id IS NOT NULL AND user_id IS NOT NULL AND mode IS NOT NULL
            AND (cardinality(seat_ids) > 0) = (mode <> 'cancel_event')
        OR reason = 'booking_not_found'),
    DROP CONSTRAINT bookings_priced,
    ADD CONSTRAINT bookings_priced CHECK (
        status IN ('rejected', 'done') OR cardinality(seat_prices) = cardinality(seat_ids));

-- Where the request came from, for the audit; told to nobody else.
ALTER TABLE booking_log ADD COLUMN address text;
-- What was decided about one event: the audit, and exports.
CREATE INDEX booking_log_by_event ON booking_log (event_id, seq);

-- As before, and the same for holds. A limit may have been lowered below what is live: what adds no
-- hold is not measured by the limit on holds, as the worker does not.
CREATE OR REPLACE FUNCTION bookings_keep_limit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    over record;
BEGIN
    SELECT a.event_id, a.user_id INTO over
    FROM (SELECT n.event_id, n.user_id, e.seats_per_user_max,
                 CASE WHEN bool_or(n.status = 'held') THEN e.holds_per_user_max END
                     AS holds_per_user_max
          FROM added AS n
          JOIN events AS e USING (event_id)
          WHERE n.status IN ('held', 'confirmed')
            AND (e.seats_per_user_max IS NOT NULL
                 OR n.status = 'held' AND e.holds_per_user_max IS NOT NULL)
          GROUP BY n.event_id, n.user_id, e.seats_per_user_max, e.holds_per_user_max) AS a,
    LATERAL (SELECT sum(cardinality(b.seat_ids)) AS seats,
                    sum(cardinality(b.seat_ids)) FILTER (WHERE b.status = 'held') AS holds
             FROM bookings AS b
             WHERE b.event_id = a.event_id AND b.user_id = a.user_id
               AND (b.status = 'confirmed'
                    OR b.status = 'held' AND b.expires_at > clock_timestamp())) AS live
    WHERE live.seats > a.seats_per_user_max OR live.holds > a.holds_per_user_max
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'user % has more seats of event % than the event allows',
            over.user_id, over.event_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;

-- What administrators did that is no command: write-api writes it together with what it did.
CREATE TABLE audit_log (
    seq        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor      text,              -- a user id; NULL: nobody was asked who they are
    role       text NOT NULL,
    address    text,
    request_id text,
    event_id   text COLLATE "C",  -- NULL: about none
    action     text NOT NULL,
    detail     jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_log_by_event ON audit_log (event_id, seq);
CREATE INDEX audit_log_by_booking ON audit_log ((detail->>'booking_id'), seq)
    WHERE detail->>'booking_id' IS NOT NULL;

GRANT UPDATE (cancelled_at, version) ON events TO seatline_worker;

GRANT SELECT, INSERT ON events TO seatline_write_api;
GRANT UPDATE (name, kind, starts_at, venue, hold_ttl_ms, hold_extensions_max, seats_per_user_max,
              holds_per_user_max, sales_open_at, sales_close_at, version)
    ON events TO seatline_write_api;
GRANT SELECT, INSERT, UPDATE (price_minor) ON seats TO seatline_write_api;
GRANT SELECT ON bookings, booking_log TO seatline_write_api;
GRANT SELECT, INSERT ON audit_log TO seatline_write_api;

-- migrate:down
REVOKE ALL ON events, seats, bookings, booking_log, audit_log FROM seatline_write_api;
REVOKE UPDATE (cancelled_at, version) ON events FROM seatline_worker;
DROP TABLE audit_log;
DROP INDEX booking_log_by_event, events_cancelled;
ALTER TABLE booking_log DROP COLUMN address;
DELETE FROM booking_log WHERE mode IN ('block', 'unblock', 'cancel_event');
DELETE FROM bookings WHERE mode IN ('block', 'unblock', 'cancel_event');
CREATE OR REPLACE FUNCTION bookings_keep_limit() RETURNS trigger LANGUAGE plpgsql AS $$
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
ALTER TABLE bookings
    DROP CONSTRAINT bookings_done,
    DROP CONSTRAINT bookings_mode_check,
    ADD CONSTRAINT bookings_mode_check CHECK (mode IN ('hold', 'book')),
    DROP CONSTRAINT bookings_status_check,
    ADD CONSTRAINT bookings_status_check
        CHECK (status IN ('held', 'confirmed', 'rejected', 'cancelled', 'expired')),
    DROP CONSTRAINT bookings_known,
    ADD CONSTRAINT bookings_known CHECK (
        event_id IS NOT NULL AND user_id IS NOT NULL AND cardinality(seat_ids) > 0
            AND mode IS NOT NULL
        OR reason = 'booking_not_found'),
    DROP CONSTRAINT bookings_priced,
    ADD CONSTRAINT bookings_priced CHECK (
        status = 'rejected' OR cardinality(seat_prices) = cardinality(seat_ids));
ALTER TABLE events DROP COLUMN holds_per_user_max;
