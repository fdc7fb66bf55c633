-- migrate:up

-- Who has an account. user_id is ours, and never a client's choice: bookings are made under it.
-- Ids and e-mails compare by byte; e-mails come in lower case.
CREATE TABLE users (
    user_id       text COLLATE "C" PRIMARY KEY CHECK (user_id ~ '^u-[a-z2-7]{20}$'),
    email         text COLLATE "C" NOT NULL UNIQUE
                  CHECK (length(email) <= 254 AND email = lower(email) AND email LIKE '_%@_%'),
    password_hash text NOT NULL CHECK (password_hash LIKE '$argon2id$%'),
    role          text NOT NULL CHECK (role IN ('user', 'admin')),
    created_at    timestamptz NOT NULL DEFAULT now()
);

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'seatline_write_api') THEN
        CREATE ROLE seatline_write_api NOLOGIN;
    END IF;
END
$$;

REVOKE ALL ON users FROM PUBLIC;
GRANT SELECT (user_id, email, password_hash, role) ON users TO seatline_write_api;
GRANT INSERT (user_id, email, password_hash, role) ON users TO seatline_write_api;
-- write-api --add-account changes these.
GRANT UPDATE (password_hash, role) ON users TO seatline_write_api;

-- migrate:down
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM seatline_write_api;
DROP TABLE users;
