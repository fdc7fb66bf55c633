-- $1 user id for a new account, $2 e-mail in lower case, $3 password hash, $4 role
-- The account's user id: an account that is there keeps its own.
INSERT INTO users (user_id, email, password_hash, role)
VALUES ($1, $2, $3, $4)
ON CONFLICT (email) DO UPDATE SET password_hash = excluded.password_hash, role = excluded.role
RETURNING user_id
