-- migrate:up

-- Ids compare by byte: a locale's comparison costs a booking as much as one of its indexes. In a
-- database made with C.UTF-8, as start-services.sh makes it, this is the order that they had; in one of
-- another locale it changes.
-- The change of type rewrites seats and holds an exclusive lock on it meanwhile: lanes retry until it
-- is done, and nothing is lost.
-- A domain is checked when a seat's id is written, a constraint whenever the seat changes hands.
CREATE DOMAIN seat_label AS text COLLATE "C" CHECK (VALUE ~ '^[A-Za-z0-9_.:-]{1,64}$');
ALTER TABLE events ALTER COLUMN event_id TYPE text COLLATE "C";
ALTER TABLE seats
    DROP CONSTRAINT seats_seat_id_check,
    ALTER COLUMN event_id TYPE text COLLATE "C",
    ALTER COLUMN seat_id TYPE seat_label;
ALTER TABLE bookings
    ALTER COLUMN event_id TYPE text COLLATE "C",
    ALTER COLUMN user_id TYPE text COLLATE "C";

-- Readers follow (xid, seq); seq alone finds nothing that anybody looks for.
ALTER TABLE booking_log
    DROP CONSTRAINT booking_log_pkey,
    ADD PRIMARY KEY (xid, seq);
DROP INDEX booking_log_by_xid;

-- migrate:down
CREATE INDEX booking_log_by_xid ON booking_log (xid, seq);
ALTER TABLE booking_log
    DROP CONSTRAINT booking_log_pkey,
    ADD PRIMARY KEY (seq);
ALTER TABLE bookings
    ALTER COLUMN event_id TYPE text COLLATE "default",
    ALTER COLUMN user_id TYPE text COLLATE "default";
ALTER TABLE seats
    ALTER COLUMN event_id TYPE text COLLATE "default",
    ALTER COLUMN seat_id TYPE text COLLATE "default",
    ADD CONSTRAINT seats_seat_id_check CHECK (seat_id ~ '^[A-Za-z0-9_.:-]{1,64}$');
ALTER TABLE events ALTER COLUMN event_id TYPE text COLLATE "default";
DROP DOMAIN seat_label;
