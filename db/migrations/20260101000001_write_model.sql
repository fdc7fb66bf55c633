-- migrate:up

-- Which write model this is: a read model built from another one is not continued but rebuilt.
CREATE TABLE ledger (
    only_one  boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    ledger_id uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO ledger DEFAULT VALUES;

CREATE TABLE events (
    event_id   text PRIMARY KEY CHECK (event_id ~ '^[A-Za-z0-9_.-]{1,64}$'),
    name       text NOT NULL,
    kind       text NOT NULL DEFAULT 'concert',
    starts_at  timestamptz NOT NULL,
    venue      text NOT NULL DEFAULT '',
    currency   char(3) NOT NULL DEFAULT 'EUR',
    version    bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Seats are updated in place and often: changing columns stay out of indexes (HOT), pages keep room.
CREATE TABLE seats (
    event_id        text NOT NULL REFERENCES events,
    seat_id         text NOT NULL CHECK (seat_id ~ '^[A-Za-z0-9_.:-]{1,64}$'),
    position        integer NOT NULL CHECK (position >= 0),
    section         text NOT NULL DEFAULT '',
    row_name        text NOT NULL DEFAULT '',
    number          integer NOT NULL DEFAULT 0,
    price_minor     bigint NOT NULL DEFAULT 0 CHECK (price_minor >= 0),
    status          text NOT NULL DEFAULT 'available'
                    CHECK (status IN ('available', 'held', 'booked', 'blocked')),
    booking_id      uuid,
    user_id         text,
    version         bigint NOT NULL DEFAULT 0,
    hold_expires_at timestamptz,
    PRIMARY KEY (event_id, seat_id),
    UNIQUE (event_id, position),
    CHECK ((status IN ('held', 'booked')) = (booking_id IS NOT NULL AND user_id IS NOT NULL)),
    CHECK ((status = 'held') = (hold_expires_at IS NOT NULL))
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05);

-- No reference to events or seats: a booking rejected for an unknown event is a booking too.
CREATE TABLE bookings (
    booking_id   uuid PRIMARY KEY,
    event_id     text NOT NULL,
    user_id      text NOT NULL,
    seat_ids     text[] NOT NULL CHECK (cardinality(seat_ids) BETWEEN 1 AND 10),
    status       text NOT NULL
                 CHECK (status IN ('held', 'confirmed', 'rejected', 'cancelled', 'expired')),
    reason       text,
    seats_lost   text[] NOT NULL DEFAULT '{}',
    version      integer NOT NULL DEFAULT 1,
    requested_at timestamptz NOT NULL,
    decided_at   timestamptz NOT NULL,
    expires_at   timestamptz,
    CHECK ((status = 'rejected') = (reason IS NOT NULL) OR status IN ('cancelled', 'expired'))
) WITH (fillfactor = 90);

-- Outbox, audit trail and history in one: a row per transition, never changed.
CREATE TABLE booking_log (
    seq             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    xid             xid8 NOT NULL DEFAULT pg_current_xact_id(),
    booking_id      uuid NOT NULL,
    booking_version integer NOT NULL,
    event_id        text NOT NULL,
    user_id         text NOT NULL,
    status          text NOT NULL,
    reason          text,
    booking_seats   text[] NOT NULL,              -- the seats asked for
    seats_lost      text[] NOT NULL DEFAULT '{}', -- of those, the ones that were gone
    requested_at    timestamptz NOT NULL,
    decided_at      timestamptz NOT NULL,
    expires_at      timestamptz,
    -- What changed in the seat map, in parallel arrays; empty for a rejection.
    seat_ids        text[] NOT NULL,
    seat_positions  integer[] NOT NULL,
    seat_statuses   text[] NOT NULL,
    seat_versions   bigint[] NOT NULL,
    CHECK (cardinality(seat_ids) = cardinality(seat_positions)
       AND cardinality(seat_ids) = cardinality(seat_statuses)
       AND cardinality(seat_ids) = cardinality(seat_versions))
);
-- The projector reads in this order, bounded by the oldest running transaction.
CREATE INDEX booking_log_by_xid ON booking_log (xid, seq);

-- What was consumed, and the fence: a commit that does not move next_offset from where its owner
-- believed it to be is rolled back.
CREATE TABLE partition_progress (
    cluster_id  text NOT NULL,
    topic       text NOT NULL,
    partition   integer NOT NULL,
    next_offset bigint NOT NULL CHECK (next_offset >= 0),
    changed_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (cluster_id, topic, partition)
) WITH (fillfactor = 20);

-- migrate:down
DROP TABLE partition_progress, booking_log, bookings, seats, events, ledger;
