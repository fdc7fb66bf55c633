"""Accounts: who registers gets a token that another library reads, and one that another library
makes is taken; keys change without anybody being logged out; many logins at once cost a bounded
amount of memory and no booking."""

import itertools
import json
import os
import secrets
import time
from pathlib import Path

import jwt
import pytest

from support.insist import insist
from support.people import AUDIENCE, ISSUER, KEY_ID, mint, person, signing_key
from support.problem import assert_named, assert_problem
from support.wait import wait_for
from support.web import Client

PASSWORD = "correct horse battery"
APIS = ("write-api", "read-api")
HASH_BYTES = 64 << 20
HASHES_MAX = 2

_numbers = itertools.count(1)


@pytest.fixture
def stack(whole_stack):
    return whole_stack


def new_email():
    return f"ann-{os.getpid()}-{next(_numbers)}@example.com"


def register(stack, email=None, password=PASSWORD):
    answer = stack.web.post("/api/auth/register",
                            {"email": email or new_email(), "password": password})
    assert answer.status == 201, answer
    return answer.json()


def login(stack, email, password=PASSWORD):
    return stack.web.post("/api/auth/login", {"email": email, "password": password})


def me(stack, token):
    return stack.web.get("/api/auth/me", {"Authorization": f"Bearer {token}"})


def as_holder(stack, account):
    """The stack as who has this account sees it."""
    twin = person(stack, user_id=account["userId"])
    twin.web = Client(stack.gateway_port, headers={"Authorization": f"Bearer {account['token']}"})
    return twin


def test_who_registers_can_book_under_an_id_that_nobody_chose(stack):
    account = register(stack)
    ann = as_holder(stack, account)
    event = stack.create_event(2)
    answer = ann.web.post("/api/book", {"eventId": event, "seatId": "S1"})
    assert answer.status == 202, answer
    outcome = ann.outcome(answer.json()["bookingId"])
    assert (outcome["status"], outcome["user_id"]) == ("confirmed", account["userId"])
    assert account["userId"].startswith("u-") and len(account["userId"]) == 22


def test_another_library_reads_our_tokens(stack):
    account = register(stack)
    claims = jwt.decode(account["token"], signing_key(stack), algorithms=["HS256"],
                        audience=AUDIENCE, issuer=ISSUER,
                        options={"require": ["iss", "aud", "sub", "iat", "nbf", "exp"]})
    assert (claims["sub"], claims["role"]) == (account["userId"], "user")
    assert claims["exp"] - claims["iat"] == 86400 and claims["nbf"] == claims["iat"]
    assert jwt.get_unverified_header(account["token"]) == {
        "alg": "HS256", "kid": KEY_ID, "typ": "JWT"}
    end = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(claims["exp"]))
    assert account["expiresAt"] == me(stack, account["token"]).json()["expiresAt"] == end


@pytest.mark.parametrize("changes", [{}, {"aud": ["elsewhere", AUDIENCE]}, {"jti": "17"}],
                         ids=["as ours", "for several", "that say more"])
def test_tokens_of_another_library_are_taken(stack, changes):
    answer = me(stack, mint(stack, "u-made-elsewhere", "admin", **changes))
    assert answer.status == 200, answer
    assert (answer.json()["userId"], answer.json()["role"]) == ("u-made-elsewhere", "admin")


def test_a_token_ends(stack):
    now = int(time.time())
    answer = me(stack, mint(stack, "u-1", iat=now - 100, nbf=now - 100, exp=now - 10))
    assert_problem(answer, 401)
    assert answer.header("WWW-Authenticate") == \
        'Bearer realm="seatline", error="invalid_token"', answer


@pytest.mark.parametrize("path", ["/api/events", "/api/auth/login"])
def test_a_bad_token_is_not_taken_for_none_where_nobody_needs_one(stack, path):
    headers = {"Authorization": "Bearer not.a.token"}
    body = {"email": new_email(), "password": PASSWORD}
    answer = stack.web.get(path, headers) if path == "/api/events" else \
        stack.web.post(path, body, headers)
    assert_problem(answer, 401)


def test_an_email_registered_many_times_at_once_has_one_account(stack):
    email = new_email()
    answers = stack.each(lambda n: stack.web.post(
        "/api/auth/register", {"email": email.upper() if n % 2 else email,
                               "password": f"{PASSWORD} {n}"}), range(6), 6)
    statuses = sorted(answer.status for answer in answers)
    assert statuses.count(201) == 1 and set(statuses) <= {201, 409, 503}, statuses
    assert stack.pg_value("SELECT count(*) FROM users WHERE email = %s", email) == 1
    winner, = (answer for answer in answers if answer.status == 201)
    right = [n for n in range(6) if login(stack, email, f"{PASSWORD} {n}").status == 200]
    assert len(right) == 1
    assert winner.json()["email"] == email


def test_an_unknown_email_is_answered_like_a_wrong_password(stack):
    account = register(stack)
    wrong, unknown = (login(stack, email, "another horse entirely")
                      for email in (account["email"], new_email()))
    for answer in (wrong, unknown):
        problem = assert_problem(answer, 401)
        assert problem["type"] == "/problems/invalid-credentials"
    strip = lambda answer: {**answer.json(), "instance": None}
    assert strip(wrong) == strip(unknown)
    assert set(wrong.headers.keys()) == set(unknown.headers.keys())


def test_a_password_is_any_text_and_compared_to_the_letter(stack):
    email, password = new_email(), "ä€🎫 \\\"'\t" + "x" * 240
    register(stack, email, password)
    assert login(stack, email, password).status == 200
    for other in (password[:-1], password + "x", password.upper(), password.strip() + " "):
        assert login(stack, email, other).status == 401, other


def test_what_cannot_be_registered_is_named(stack):
    good = {"email": new_email(), "password": PASSWORD}
    for field, value in (("email", "nobody"), ("email", 7), ("email", None),
                         ("email", f"{'a' * 250}@b.c"), ("password", "short"),
                         ("password", "x" * 257), ("password", ["x" * 20])):
        assert_named(stack.web.post("/api/auth/register", {**good, field: value}), 422, field)
    assert stack.pg_value("SELECT count(*) FROM users WHERE email = %s", good["email"]) == 0


def test_a_role_is_not_for_the_taking(stack):
    email = new_email()
    answer = stack.web.post("/api/auth/register",
                            {"email": email, "password": PASSWORD, "role": "admin",
                             "userId": "u-admin", "isAdmin": True})
    assert answer.status == 201 and answer.json()["role"] == "user", answer
    assert stack.pg_rows("SELECT role FROM users WHERE email = %s", email) == [("user",)]
    assert answer.json()["userId"] != "u-admin"


def test_tokens_and_passwords_are_in_no_log_and_no_cache(stack):
    email, password = new_email(), f"secret-{secrets.token_hex(8)}"
    account = register(stack, email, password)
    answer = login(stack, email, password)
    assert answer.header("Cache-Control") == "no-store", answer
    assert me(stack, account["token"]).header("Cache-Control") == "no-store"
    login(stack, email, f"{password}-wrong")
    for log in (stack.state / "log").iterdir():
        text = log.read_text(errors="replace")
        for secret in (password, account["token"], account["token"].rsplit(".", 1)[1]):
            assert secret not in text, log
    assert stack.pg_value("SELECT password_hash FROM users WHERE email = %s",
                          email).startswith("$argon2id$v=19$m=65536,t=2,p=1$")


def test_log_lines_say_who_asked(stack):
    account = register(stack)
    request_id = f"whose-{account['userId']}"
    me_answer = stack.web.get("/api/auth/me", {"Authorization": f"Bearer {account['token']}",
                                               "X-Request-Id": request_id})
    assert me_answer.status == 200

    def line():
        for name in stack.instances("write-api"):
            for text in stack[name].log_text().splitlines():
                if request_id in text:
                    return json.loads(text)
        return None

    assert wait_for(line, 10, "the request is logged")["user"] == account["userId"]


def changed_keys(stack, keys):
    return stack.changed({name: {"JWT_KEYS": keys} for api in APIS for name in
                          stack.instances(api)})


def test_keys_change_without_anybody_being_logged_out(stack):
    old, new = f"{KEY_ID}:{stack.secrets['JWT_KEY']}", f"k2:{secrets.token_hex(32)}"
    account = register(stack)
    with changed_keys(stack, f"{new},{old}"):
        assert me(stack, account["token"]).status == 200, "an old key still verifies"
        answer = login(stack, account["email"])
        assert answer.status == 200, answer
        later = answer.json()["token"]
        assert jwt.get_unverified_header(later)["kid"] == "k2", "the first key signs"
        assert me(stack, later).status == 200
        assert stack.web.get("/api/bookings", {"Authorization": f"Bearer {later}"}).status == 200
    # Back to the old key alone: what the other one signed ends.
    assert me(stack, later).status == 401
    assert stack.web.get("/api/bookings", {"Authorization": f"Bearer {later}"}).status == 401
    assert me(stack, account["token"]).status == 200


def test_programs_do_not_start_with_keys_that_are_none(stack):
    for name in APIS:
        environment = {**stack[f"{name}-0"].env, "AUTH_MODE": "jwt"}
        for keys in ("", "k1", "k1:00", f"k1:{'0' * 64},k1:{'1' * 64}"):
            done = stack.program(name, env={**environment, "JWT_KEYS": keys})
            assert done.returncode == 78, (name, keys, done.stderr)


def test_open_mode_does_not_start_where_others_come(stack):
    for name in APIS:
        environment = {**stack[f"{name}-0"].env, "AUTH_MODE": "open", "HTTP_HOST": "0.0.0.0"}
        environment.pop("OPEN_MODE_ANYWHERE", None)
        done = stack.program(name, env=environment)
        assert done.returncode == 78, (name, done.stderr)
        assert "OPEN_MODE_ANYWHERE" in done.stderr


def test_an_account_is_made_by_whoever_runs_this(stack):
    email = new_email()
    done = stack.program("write-api", "--add-account", email, "admin")
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    answer = login(stack, email, made["password"])
    assert answer.status == 200, answer
    assert (answer.json()["userId"], answer.json()["role"]) == (made["userId"], "admin")
    # Again, without the role: the same account, another password.
    again = json.loads(stack.program("write-api", "--add-account", email, "user").stdout)
    assert again["userId"] == made["userId"] and again["password"] != made["password"]
    assert login(stack, email, made["password"]).status == 401
    for arguments in (("nobody", "user"), (email, "root")):
        assert stack.program("write-api", "--add-account", *arguments).returncode == 78


def high_water(process):
    text = (process / "status").read_text()
    return int(text.split("VmHWM:")[1].split()[0]) << 10


def test_many_logins_at_once_cost_bounded_memory_and_no_booking(stack, alice):
    """Two hashes at once: the others wait for their turn, or are told to come again."""
    account, event = register(stack), stack.create_event(20)
    names = stack.instances("write-api")
    processes = [Path("/proc") / str(stack[name].pid) for name in names]
    for process in processes:
        (process / "clear_refs").write_text("5")
    before = [high_water(process) for process in processes]

    def ask(n):
        if n % 3 == 0:
            return insist(lambda: alice.web.post(
                "/api/book", {"eventId": event, "seatId": f"S{n // 3 + 1}"},
                {"Idempotency-Key": f"{event}-{n}"}))
        return login(stack, account["email"], PASSWORD if n % 2 else "another horse entirely")

    answers = stack.each(ask, range(48), 24)
    assert all(answer.status == 202 for answer in answers[::3]), [str(a) for a in answers[::3]]
    others = [answer for n, answer in enumerate(answers) if n % 3]
    assert {answer.status for answer in others} <= {200, 401, 503}
    assert all(answer.header("Retry-After") for answer in others if answer.status == 503)
    assert any(answer.status == 200 for answer in others)
    for name, process, low in zip(names, processes, before):
        assert high_water(process) - low < (HASHES_MAX + 0.5) * HASH_BYTES, name
