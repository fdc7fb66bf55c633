-- migrate:up

-- Only the programs come in, and nobody makes anything in here but migrations. What each may do with the
-- tables stands beside the tables. Nothing is revoked from a superuser.
DO $$
BEGIN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format(
        'GRANT CONNECT ON DATABASE %I TO seatline_worker, seatline_projector, seatline_write_api',
        current_database());
END
$$;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO seatline_worker, seatline_projector, seatline_write_api;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC;

-- migrate:down
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO PUBLIC;
REVOKE USAGE ON SCHEMA public FROM seatline_worker, seatline_projector, seatline_write_api;
GRANT USAGE ON SCHEMA public TO PUBLIC;
DO $$
BEGIN
    EXECUTE format(
        'REVOKE CONNECT ON DATABASE %I FROM seatline_worker, seatline_projector, seatline_write_api',
        current_database());
    EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO PUBLIC', current_database());
END
$$;
