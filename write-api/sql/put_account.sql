-- An account as the operator has it, and what the audit says of it.
-- $1 user id for a new account, $2 e-mail in lower case, $3 password hash, $4 role
-- The account's user id: an account that is there keeps its own.
WITH account AS (
    INSERT INTO users (user_id, email, password_hash, role)
    VALUES ($1, $2, $3, $4)
    ON CONFLICT (email) DO UPDATE SET password_hash = excluded.password_hash, role = excluded.role
    RETURNING user_id, role
), audited AS (
    INSERT INTO audit_log (actor, role, action, detail)
    SELECT 'operator', 'operator', 'put_account',
           jsonb_build_object('user_id', user_id, 'role', role)
    FROM account
)
SELECT user_id FROM account
