"""PostgreSQL away: nobody can log in, each of them is told so in good time, and nothing else of
write-api notices: what has a token or needs none goes on."""

import itertools
import os
import signal

import pytest

from support.problem import assert_problem
from support.wait import wait_for

PASSWORD = "correct horse battery"

_numbers = itertools.count(1)


def ask(stack, what, email):
    return stack.web.post(f"/api/auth/{what}", {"email": email, "password": PASSWORD})


def pg_up(stack):
    return {stack.metric(name, "seatline_pg_up") for name in stack.instances("write-api")}


@pytest.mark.parametrize("how", ["stopped", "frozen"])
def test_without_postgresql_logins_are_refused_and_bookings_go_on(stack, how):
    email = f"ann-{how}-{os.getpid()}-{next(_numbers)}@example.com"
    event, postgresql = stack.create_event(40), stack["postgresql"]
    assert ask(stack, "register", email).status == 201
    if how == "stopped":
        postgresql.stop(number=signal.SIGQUIT)
    else:
        postgresql.pause()

    def mixed(n):
        if n % 2:
            return stack.booked_id(event, f"S{n // 2 + 1}", f"u{n}")
        return ask(stack, "login" if n % 4 else "register", f"{n}-{email}" if n % 3 else email)

    # Each waits for its answer no longer than the client does, and many at once no longer than one.
    answers = stack.each(mixed, range(80), 40)
    for answer in answers[::2]:
        assert_problem(answer, 503)
        assert int(answer.header("Retry-After")) >= 1, answer
    assert len(set(answers[1::2])) == 40, "every booking was accepted"
    assert 0 in pg_up(stack)
    assert all(stack.is_ready(name) for name in stack.instances("write-api")), \
        "accounts are no reason to send bookings elsewhere"

    if how == "stopped":
        stack.start_server("postgresql")
    else:
        postgresql.resume()
    for _ in stack.instances("write-api"):
        wait_for(lambda: ask(stack, "login", email).status == 200, 20, "people log in again")
    wait_for(lambda: ask(stack, "login", email).status == 200 and pg_up(stack) == {1}, 20,
             "both say so")
    stack.wait_settled(answers[1::2], 30)
    assert stack.pg_value("SELECT count(*) FROM users WHERE email LIKE %s", f"%-{email}") == 0, \
        "who was refused has no account"
    stack.assert_verified()


def test_accounts_do_not_need_redis(stack):
    email = f"ann-redis-{os.getpid()}-{next(_numbers)}@example.com"
    stack["redis"].kill()
    assert ask(stack, "register", email).status == 201
    assert ask(stack, "login", email).status == 200
    stack.start_server("redis")
