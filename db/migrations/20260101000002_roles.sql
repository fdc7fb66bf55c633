-- migrate:up

-- One least-privilege role per program. The roles log in with passwords that start-up code sets
-- (ALTER ROLE ... LOGIN PASSWORD); none stands here. Roles are cluster-wide, so they may exist.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['seatline_worker', 'seatline_projector'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', name);
        END IF;
    END LOOP;
END
$$;

REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC;

GRANT SELECT ON events TO seatline_worker;
GRANT SELECT ON seats TO seatline_worker;
GRANT UPDATE (status, booking_id, user_id, version, hold_expires_at) ON seats TO seatline_worker;
GRANT SELECT, INSERT, UPDATE ON bookings TO seatline_worker;
GRANT INSERT ON booking_log TO seatline_worker;
GRANT SELECT, INSERT, UPDATE ON partition_progress TO seatline_worker;

GRANT SELECT ON ledger, events, seats, bookings, booking_log TO seatline_projector;

-- migrate:down
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM seatline_worker, seatline_projector;
