"""Which routes there are and who may call them: the code, the document and the running gateway say
the same. Deny is what happens where nobody said anything.
"""

import json
import subprocess

import pytest

from support import contract, effects
from support.calls import Calls
from support.people import person
from support.problem import assert_problem
from support.stack import ROOT
from support.tokens import bad_headers

# What nginx serves by itself, and says of no program.
GATEWAY = {
    ("GET", "/api/events/{}/live"): "public",
    ("GET", "/healthz"): "public",
    ("GET", "/openapi.json"): "public",
    ("GET", "/docs"): "public",
}
OPERATIONS = contract.operations()


# --- the tables -------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def coded(whole_stack):
    """(method, path) -> access, of both programs, for whoever comes from outside."""
    routes = {}
    for program in ("write-api", "read-api"):
        done = subprocess.run([whole_stack.build / program / program, "--routes"], cwd=ROOT,
                              capture_output=True, text=True, timeout=20, check=True, env={})
        for line in map(json.loads, done.stdout.splitlines()):
            if line["server"] == "http":
                key = (line["method"], contract.plain(line["path"]))
                assert key not in routes, f"both programs have {key}"
                routes[key] = line["access"]
    assert routes
    return routes


def test_the_routes_in_the_code_are_those_in_the_document(coded):
    documented = {(o.method, contract.plain(o.path)): o.access
                  for o in OPERATIONS if o.same_as is None}
    assert documented == {**coded, **GATEWAY}


def test_the_program_that_serves_a_route_is_the_one_the_document_names(whole_stack, coded):
    for operation in OPERATIONS:
        key = (operation.method, contract.plain(operation.path))
        assert (operation.served_by == "gateway") == (key in GATEWAY), operation


def test_another_dialect_asks_for_the_same_role(coded):
    known = {str(o): o for o in OPERATIONS}
    for operation in OPERATIONS:
        if operation.same_as:
            same = known[operation.same_as]
            assert same.same_as is None
            assert (operation.access, operation.served_by) == (same.access, same.served_by)


def test_the_waiting_port_has_no_route_that_asks_for_less(whole_stack):
    """What nginx reaches there by rewriting is asked for as on the other port."""
    done = subprocess.run([whole_stack.build / "read-api" / "read-api", "--routes"], cwd=ROOT,
                          capture_output=True, text=True, timeout=20, check=True, env={})
    waiting = {(line["method"], line["path"]): line["access"]
               for line in map(json.loads, done.stdout.splitlines()) if line["server"] == "wait"}
    assert set(waiting.values()) == {"user"}, waiting


# --- each route, called by everybody -------------------------------------------------------------

@pytest.fixture(scope="module")
def owner(whole_stack):
    return person(whole_stack)


@pytest.fixture(scope="module")
def calls(whole_stack, owner):
    return Calls(whole_stack, owner)


def refused(answer, status, is_token_sent):
    assert_problem(answer, status)
    if status == 401:
        challenge = 'Bearer realm="seatline"'
        challenge += ', error="invalid_token"' if is_token_sent else ""
        assert answer.header("WWW-Authenticate") == challenge, answer
    else:
        assert answer.header("WWW-Authenticate") is None
    assert answer.header("Cache-Control") == "no-store", answer


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_only_those_may_call_a_route_that_it_says(whole_stack, calls, operation):
    user, admin = person(whole_stack), person(whole_stack, "admin")
    with effects.none(whole_stack):
        if operation.access != "public":
            refused(calls.send(operation, {}), 401, False)
        if operation.access == "admin":
            refused(calls.send(operation, user.bearer), 403, False)
            refused(calls.send(operation, calls.owner.bearer), 403, False)
    let_in = {"public": [{}, calls.owner.bearer, admin.bearer],
              "user": [calls.owner.bearer, admin.bearer], "admin": [admin.bearer]}
    for headers in let_in[operation.access]:
        answer = calls.send(operation, headers)
        assert answer.status == calls.status(operation), answer


@pytest.mark.parametrize("operation", [o for o in OPERATIONS if o.served_by != "gateway"], ids=str)
def test_what_is_no_token_is_refused_on_every_route(whole_stack, calls, operation):
    """Also on public ones: whoever sends one means to be somebody."""
    wrong = []
    with effects.none(whole_stack):
        for name, value in bad_headers(whole_stack).items():
            answer = calls.send(operation, {"Authorization": value})
            try:
                refused(answer, 401, True)
            except AssertionError as error:
                wrong.append((name, str(error)[:300]))
    assert not wrong, wrong


# --- what is special about Authorization --------------------------------------------------------

ME = "/api/auth/me"


def raw(stack, lines):
    return stack.web.raw(b"GET /api/auth/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                         + b"".join(line + b"\r\n" for line in lines) + b"\r\n", method="GET")


def test_the_word_before_a_token_may_be_written_in_any_case(whole_stack, alice):
    for word in ("Bearer", "bearer", "BEARER"):
        answer = whole_stack.web.get(ME, {"Authorization": f"{word} {alice.token}"})
        assert (answer.status, answer.json()["userId"]) == (200, alice.user_id)


def test_two_people_in_one_request_are_nobody(whole_stack, alice, bob):
    header = lambda one: b"Authorization: Bearer " + one.token.encode()
    answer = raw(whole_stack, [header(alice), header(bob)])
    assert answer.status in (400, 401), answer
    assert raw(whole_stack, [header(alice), b"Authorization: Basic eDp5"]).status in (400, 401)


def test_a_token_as_long_as_a_letter_is_refused(whole_stack):
    answer = whole_stack.web.get(ME, {"Authorization": "Bearer " + "A" * 10_240})
    assert_problem(answer, 431)
    answer = whole_stack.web.get(ME, {"Authorization": "Bearer " + "A" * 7_000})
    assert_problem(answer, 401)


@pytest.mark.parametrize("query", ["access_token", "token", "jwt", "Authorization", "api_key"])
def test_a_token_in_the_query_is_nobodys(whole_stack, alice, query):
    assert_problem(whole_stack.web.get(f"{ME}?{query}={alice.token}"), 401)


@pytest.mark.parametrize("name", ["Cookie", "X-Access-Token", "Proxy-Authorization",
                                  "X-Authorization", "X-Forwarded-User", "X-User-Id", "X-Role",
                                  "Seatline-User", "X-Original-Authorization"])
def test_a_token_under_another_name_is_nobodys(whole_stack, alice, name):
    value = f"token={alice.token}" if name == "Cookie" else f"Bearer {alice.token}"
    assert_problem(whole_stack.web.get(ME, {name: value}), 401)


def test_the_newest_and_the_widest_of_good_tokens_hold(whole_stack, token_of):
    for changes in ({"aud": ["x", "seatline"]}, {"headers": {"typ": None}}, {"note": "x"},
                    {"exp": 4_000_000_000}):
        token = token_of("u-fine", "user", **changes)
        answer = whole_stack.web.get(ME, {"Authorization": f"Bearer {token}"})
        assert (answer.status, answer.json()["role"]) == (200, "user"), (changes, answer)


# --- every id of one person, as another ----------------------------------------------------------

ABOUT_A_BOOKING = [o for o in OPERATIONS
                   if "{bookingId}" in o.path and o.access == "user"]
ABOUT_A_USER = [o for o in OPERATIONS if "{userId}" in o.path]


@pytest.mark.parametrize("prefer", [{}, {"Prefer": "wait=3"}], ids=["at once", "waiting"])
@pytest.mark.parametrize("operation", ABOUT_A_BOOKING, ids=str)
def test_anothers_booking_is_not_there(whole_stack, alice, bob, operation, prefer):
    event = whole_stack.create_event(1)
    booking_id = alice.held(event, ["S1"])["booking_id"]
    path = operation.path.format(bookingId=booking_id)
    body = None if operation.method == "GET" else {}
    with effects.none(whole_stack):
        theirs = bob.web.request(operation.method, path, body, prefer)
        assert_problem(theirs, 404)
        unknown = path.replace(booking_id, whole_stack.issue_id(event))
        never = bob.web.request(operation.method, unknown, body, prefer)
        assert_problem(never, 404)
        same = lambda answer: {name: value for name, value in answer.json().items()
                               if name != "instance"}
        assert same(theirs) == same(never), "whether it exists is not told"
        assert_problem(whole_stack.web.request(operation.method, path, body, prefer), 401)
    assert alice.booking(booking_id)["version"] == 1


@pytest.mark.parametrize("operation", ABOUT_A_USER, ids=str)
def test_anothers_list_is_not_there(whole_stack, alice, bob, admin, operation):
    event = whole_stack.create_event(1)
    booking_id = alice.held(event, ["S1"])["booking_id"]
    path = operation.path.format(userId=alice.user_id)
    assert_problem(bob.web.get(path), 404)
    assert_problem(bob.web.get(operation.path.format(userId="nobody-at-all")), 404)
    assert [b["booking_id"] for b in alice.web.get(path).json()] == [booking_id]
    assert [b["booking_id"] for b in admin.web.get(path).json()] == [booking_id]


@pytest.mark.parametrize("query", ["userId={}", "user_id={}", "userId={}&status=held",
                                   "user_id={}&limit=1"])
def test_anothers_list_is_not_there_by_query_either(whole_stack, alice, bob, query):
    event = whole_stack.create_event(1)
    alice.held(event, ["S1"])
    for prefix in ("/api/bookings", "/api/v1/bookings"):
        assert_problem(bob.web.get(f"{prefix}?{query.format(alice.user_id)}"), 404)


@pytest.mark.parametrize("path, seats", [
    ("/api/book", {"seatId": "S1"}), ("/api/bookings", {"seatIds": ["S1"]}),
    ("/api/bookings", {"seatIds": ["S1"], "mode": "book"}),
    ("/api/bookings/book", {"seatNumber": "S1"}), ("/api/v1/bookings", {"seats": ["S1"]})])
@pytest.mark.parametrize("name", ["userId", "user_id"])
def test_nobody_books_for_another(whole_stack, alice, bob, path, seats, name):
    event = whole_stack.create_event(1)
    with effects.none(whole_stack):
        answer = bob.web.post(path, {"eventId": event, name: alice.user_id, **seats})
        assert_problem(answer, 403)
    assert bob.web.post(path, {"eventId": event, name: bob.user_id, **seats}).status == 202


@pytest.mark.parametrize("verb", ["confirm", "extend", "cancel", "delete"])
def test_nobody_acts_as_another_by_naming_them(whole_stack, alice, bob, verb):
    event = whole_stack.create_event(1)
    booking_id = alice.held(event, ["S1"])["booking_id"]
    with effects.none(whole_stack):
        assert_problem(bob.command(booking_id, verb, alice.user_id), 404)
        assert_problem(alice.command(booking_id, verb, bob.user_id), 403)
    assert alice.command(booking_id, verb, alice.user_id).status == 202
