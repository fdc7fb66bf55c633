-- $1 e-mail in lower case
SELECT user_id, password_hash, role FROM users WHERE email = $1
