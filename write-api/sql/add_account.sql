-- $1 user id, $2 e-mail in lower case, $3 password hash, $4 role
-- No row: the e-mail has an account already.
INSERT INTO users (user_id, email, password_hash, role)
VALUES ($1, $2, $3, $4)
ON CONFLICT (email) DO NOTHING
RETURNING user_id
