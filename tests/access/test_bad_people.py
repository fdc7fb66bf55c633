"""What bad people try, on all that accounts, roles and administration brought: each case with its
exact status, a problem that tells nothing of the inside, and no effect: no row, no message, no key.

e2e/test_bad_input.py and test_bad_commands.py do the same for booking and reading.
"""

import itertools
import json
import threading

import pytest

from support import effects
from support.ids import issue_booking_id, partition_of
from support.people import event_of, mint, person, post_event
from support.problem import assert_named, assert_problem
from support.wait import wait_for

JSON = {"Content-Type": "application/json"}
PASSWORD = "correct horse battery"
RTL, ZERO_WIDTH, NUL = "\u202e", "\u200b", "\\u0000"

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def event(whole_stack):
    """A hall of 3 free seats that nobody gets to change."""
    return whole_stack.create_event(3, "coveted")


@pytest.fixture(scope="module")
def victim(whole_stack):
    return person(whole_stack)


@pytest.fixture(scope="module")
def hers(whole_stack, victim):
    """Her hold of two seats of an event of her own."""
    event = whole_stack.create_event(3, "hers", hold_ttl_ms=86_400_000)
    return victim.held(event, ["S1", "S2"])


def email():
    return f"p{next(_numbers)}-{threading.get_native_id()}@example.com"


# --- accounts: what is no e-mail and no password ----------------------------------------------

NO_EMAILS = {
    "none": None, "null": b"null", "a number": b"7", "true": b"true",
    "a list": b'["a@example.com"]', "an object": b'{"$ne":""}', "empty": b'""',
    "a blank": b'" "', "no at": b'"example.com"',
    "two ats": b'"a@b@example.com"', "nobody": b'"@example.com"', "nowhere": b'"anna@"',
    "no dot": b'"anna@localhost"', "two dots": b'"an..na@example.com"',
    "a dot first": b'".anna@example.com"', "a dot last": b'"anna@example.com."',
    "a blank inside": b'"an na@example.com"', "a blank before": b'" anna@example.com"',
    "a line break after": b'"anna@example.com\\n"',
    "a second header": b'"anna@example.com\\r\\nBcc: all@example.com"',
    "SQL": b'"x\'; UPDATE users SET role = \'admin\'; --"',
    "a script": b'"<script>alert(1)</script>@example.com"',
    "two of them": b'"anna@example.com,admin@example.com"',
    "a name before": b'"Anna <anna@example.com>"', "quotes": b'"\\"a b\\"@example.com"',
    "an address for a domain": b'"anna@[127.0.0.1]"', "a hyphen first": b'"anna@-example.com"',
    "a template": b'"${jndi:ldap://evil.example/a}@example.com"',
    "a homograph": '"\u0430dmin@example.com"'.encode(),
    "a homograph of the domain": '"admin@ex\u0430mple.com"'.encode(),
    "full width": '"\uff41dmin@example.com"'.encode(),
    "read backwards": f'"{RTL}moc.elpmaxe@anna"'.encode(),
    "nothing visible": f'"an{ZERO_WIDTH}na@example.com"'.encode(),
    "a long one": b'"' + b"x" * 65 + b'@example.com"',
    "255 characters": b'"anna@' + b"x" * 60 + (b"." + b"x" * 62) * 3 + b'.com"',
    "10,000 characters": b'"' + b"x" * 10_000 + b'@example.com"',
}
NO_PASSWORDS = {
    "none": None, "null": b"null", "a number": b"1234567890", "a list": b'["1234567890"]',
    "an object": b'{"$gt":""}', "empty": b'""', "9 characters": b'"123456789"',
    "9 of many bytes": json.dumps("\u00e4" * 9).encode(),
    "257 characters": b'"' + b"x" * 257 + b'"', "15,000 characters": b'"' + b"x" * 15_000 + b'"',
}


def credentials(**values):
    """JSON of members as they are given, as bytes."""
    members = {"email": json.dumps(email()).encode(), "password": json.dumps(PASSWORD).encode(),
               **values}
    return b"{" + b",".join(b'"%s":%s' % (name.encode(), value)
                            for name, value in members.items() if value is not None) + b"}"


@pytest.mark.parametrize("path", ["/api/auth/register", "/api/auth/login"])
@pytest.mark.parametrize("case", NO_EMAILS)
def test_what_is_no_email_opens_nothing(web, nothing, path, case):
    assert_named(web.post(path, credentials(email=NO_EMAILS[case]), JSON), 422, "email")


@pytest.mark.parametrize("path", ["/api/auth/register", "/api/auth/login"])
@pytest.mark.parametrize("case", NO_PASSWORDS)
def test_what_is_no_password_opens_nothing(web, nothing, path, case):
    assert_named(web.post(path, credentials(password=NO_PASSWORDS[case]), JSON), 422, "password")


NO_CREDENTIALS = {
    "nothing": (b"", 400), "no object": (b"[]", 400), "a form": (b"email=a&password=b", 400),
    "a password twice": (b'{"email":"a@example.com","password":"1234567890","password":"2"}', 400),
    "an e-mail twice, once escaped": (
        b'{"email":"a@example.com","em\\u0061il":"b@example.com","password":"1234567890"}', 400),
    "a NUL in the password": (credentials(password=b'"12345678901' + NUL.encode() + b'"'), 400),
    "half a character": (credentials(password=b'"1234567890\\ud800"'), 400),
    "what is no UTF-8": (credentials(password=b'"1234567890\xff"'), 400),
    "17,000 bytes": (credentials(note=b'"' + b"x" * 17_000 + b'"'), 413),
    "deep": (credentials(note=b"[" * 4000 + b"]" * 4000), 400),
}


@pytest.mark.parametrize("path", ["/api/auth/register", "/api/auth/login"])
@pytest.mark.parametrize("case", NO_CREDENTIALS)
def test_a_body_that_is_none_opens_nothing(web, nothing, path, case):
    data, status = NO_CREDENTIALS[case]
    assert_problem(web.post(path, data, JSON), status)


@pytest.mark.parametrize("path", ["/api/auth/register", "/api/auth/login"])
@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded",
                                          "application/json; charset=utf-7"])
def test_a_form_of_another_page_opens_nothing(web, nothing, path, content_type):
    headers = {"Content-Type": content_type} if content_type else {}
    assert_problem(web.post(path, credentials(), headers), 415)


@pytest.mark.parametrize("members", [
    {"role": "admin"}, {"isAdmin": True}, {"userId": "u-aaaaaaaaaaaaaaaaaaaa"},
    {"user_id": "1", "roles": ["admin"]}, {"password_hash": "$argon2id$x"},
    {"createdAt": "2000-01-01T00:00:00Z", "exp": 9_999_999_999}])
def test_nobody_chooses_their_own_role_or_id(whole_stack, web, members):
    """Mass assignment: members that are not known are not looked at."""
    address = email()
    answer = web.post("/api/auth/register", {"email": address, "password": PASSWORD, **members})
    assert answer.status == 201, answer
    made = answer.json()
    assert made["role"] == "user" and made["userId"] not in members.values()
    ((user_id, role),) = whole_stack.pg_rows(
        "SELECT user_id, role FROM users WHERE email = %s", address)
    assert (user_id, role) == (made["userId"], "user")
    session = {"Authorization": f"Bearer {made['token']}"}
    assert web.get("/api/auth/me", session).json()["role"] == "user"
    assert_problem(web.post("/api/events", event_of(), session), 403)


def test_an_email_is_one_persons_however_it_is_written(web):
    address = email()
    assert web.post("/api/auth/register",
                    {"email": address, "password": PASSWORD}).status == 201
    answer = web.post("/api/auth/register",
                      {"email": address.upper(), "password": "another password"})
    assert_problem(answer, 409)
    assert_problem(web.post("/api/auth/login",
                            {"email": address, "password": "another password"}), 401)
    assert web.post("/api/auth/login", {"email": address.upper(),
                                        "password": PASSWORD}).status == 200


def test_who_is_not_known_is_answered_like_who_is_wrong(web, nothing_stored):
    address = email()
    nothing_stored(address)
    wrong = web.post("/api/auth/login", {"email": address, "password": "a wrong password"})
    unknown = web.post("/api/auth/login", {"email": email(), "password": PASSWORD})
    told = lambda answer: (answer.status, {n: v for n, v in answer.json().items()
                                           if n != "instance"}, sorted(answer.headers))
    assert told(wrong) == told(unknown)
    assert_problem(wrong, 401)


@pytest.fixture
def nothing_stored(web):
    """An account of this e-mail."""
    return lambda address: web.post("/api/auth/register",
                                    {"email": address, "password": PASSWORD})


# --- paths, methods and heads -----------------------------------------------------------------

NO_PATHS = [
    "/api/admin", "/api/admin/", "/api/admin/audit/", "/api/admin//audit", "/api/admin/./audit",
    "/api/admin/x/../audit", "/api/admin/%61udit", "/api/Admin/audit", "/API/admin/audit",
    "/api/admin%2faudit", "/api/admin/audit%00", "/api/admin/audit;x", "/api/admin/audit.json",
    "/api/admin/dead-letters/", "/api/admin/dead-letters/0", "/api/admin/users",
    "/api/auth", "/api/auth/", "/api/auth/me/", "/api/auth//me", "/api/auth/../auth/me",
    "/api/auth/%6de", "/api/auth/me%2f", "/api/auth/me/..;/../admin/audit",
    "/api/events/x/bookings.csv/", "/api/events/x/bookings%2ecsv", "/api/events//bookings.csv",
    "/api/events/x/../x/bookings.csv", "/api/events/x/bookings.csv;.js", "/api/events/x/bookings",
    "/api/events/x/seats", "/api/events/x/seats/block", "/api/events/x/seats/",
    "/api/v1/v1/admin/audit", "/api/v1/admin%2faudit", "/api/v1//admin/audit",
    "/internal/live/x", "/internal/outcomes/x/new", "/metrics", "/readyz", "/livez", "/.wait/x",
    "/.problem/404", "/docs/../api/admin/audit", "/docs/..%2fgateway.conf", "/docs/.git/config",
    "/openapi.json/", "/openapi.json%00", "/openapi", "/api/openapi.json",
]


@pytest.mark.parametrize("path", NO_PATHS)
def test_a_path_that_only_resembles_a_route_is_none(admin, nothing, path):
    """Also for who may do everything. Another method's path is 405."""
    answer = admin.web.raw(
        f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        f"Authorization: Bearer {admin.token}\r\n\r\n".encode(), "GET")
    wanted = 400 if "%00" in path else 405 if path.endswith("/seats/block") else 404
    assert_problem(answer, wanted)


@pytest.mark.parametrize("header", [
    "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Original-Method"])
@pytest.mark.parametrize("method, path", [
    ("DELETE", "/api/bookings/ID"), ("PATCH", "/api/events/EVENT"), ("PUT", "/api/events/EVENT")])
def test_a_method_is_what_the_request_line_says(admin, hers, nothing, header, method, path):
    path = path.replace("ID", hers["booking_id"]).replace("EVENT", hers["event_id"])
    answer = admin.web.get(path, {header: method})
    assert answer.status == 200, answer
    answer = admin.web.post(path, {"venue": "x"}, {header: method})
    assert_problem(answer, 405)


@pytest.mark.parametrize("name", ["X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Path",
                                  "X-Forwarded-Prefix", "X-Accel-Redirect", "X-Original-URI"])
def test_a_path_is_what_the_request_line_says(whole_stack, alice, nothing, name):
    answer = alice.web.get("/api/auth/me", {name: "/api/admin/audit"})
    assert (answer.status, answer.json()["userId"]) == (200, alice.user_id)
    assert_problem(whole_stack.web.get("/api/nothing", {name: "/api/events"}), 404)


@pytest.mark.parametrize("method, path", [
    ("DELETE", "/api/events/x"), ("PUT", "/api/events/x"), ("POST", "/api/events/x"),
    ("PUT", "/api/events"), ("DELETE", "/api/events"), ("GET", "/api/events/x/cancel"),
    ("POST", "/api/events/x/seats/block"), ("DELETE", "/api/events/x/bookings.csv"),
    ("GET", "/api/auth/login"), ("PUT", "/api/auth/register"), ("DELETE", "/api/auth/me"),
    ("POST", "/api/admin/audit"), ("DELETE", "/api/admin/audit"),
    ("DELETE", "/api/admin/dead-letters"), ("PUT", "/api/admin/dead-letters/0/0/replay"),
    ("TRACE", "/api/auth/me"), ("CONNECT", "/api/auth/me"), ("PROPFIND", "/api/admin/audit")])
def test_a_method_that_a_route_does_not_have_is_405(admin, nothing, method, path):
    answer = admin.web.raw(
        f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n"
        f"Authorization: Bearer {admin.token}\r\n\r\n".encode(), method)
    assert_problem(answer, 405)
    assert answer.header("Allow")


@pytest.mark.parametrize("value", [
    "evil.example", "evil.example:80@127.0.0.1", "127.0.0.1:1/x", "a b", "[::1", ""])
def test_a_host_decides_nothing(whole_stack, victim, hers, value):
    """No answer has it: links are paths."""
    answer = whole_stack.web.raw(
        f"GET /api/bookings/{hers['booking_id']} HTTP/1.1\r\nHost: {value}\r\nConnection: close\r\n"
        f"Authorization: Bearer {victim.token}\r\n\r\n".encode(), "GET")
    assert answer.status in (200, 400), answer
    assert b"evil" not in answer.body and "evil" not in str(answer.headers)
    if answer.status == 400:
        assert_problem(answer, 400)


def last_address(stack, booking_id):
    return wait_for(lambda: stack.pg_value(
        "SELECT address FROM booking_log WHERE booking_id = %s ORDER BY seq DESC LIMIT 1",
        booking_id), 10, "the log tells from where")


@pytest.mark.parametrize("headers", [
    {"X-Forwarded-For": "203.0.113.66"}, {"X-Forwarded-For": "203.0.113.66, 10.0.0.1"},
    {"X-Real-IP": "203.0.113.66"}, {"Forwarded": "for=203.0.113.66"},
    {"X-Client-IP": "203.0.113.66", "True-Client-IP": "203.0.113.66",
     "CF-Connecting-IP": "203.0.113.66"}],
    ids=["forwarded", "forwarded twice", "real", "the standard's", "others'"])
def test_nobody_says_from_where_they_ask(whole_stack, alice, headers):
    event = whole_stack.create_event(1)
    answer = alice.web.post("/api/bookings", {"eventId": event, "seatIds": ["S1"]}, headers)
    assert answer.status == 202
    assert last_address(whole_stack, answer.json()["bookingId"]) == "127.0.0.1"


@pytest.mark.parametrize("name", ["Seatline-Request", "Seatline-Attempt"])
def test_nobody_speaks_for_the_gateway(whole_stack, alice, name):
    """Booking ids are made from the gateway's own words."""
    event = whole_stack.create_event(2)
    headers = {name: "1700000000000-00112233445566778899aabbccddeeff"}
    made = {alice.web.post("/api/bookings", {"eventId": event, "seatIds": [seat]}, headers)
            .json()["bookingId"] for seat in ("S1", "S2")}
    assert len(made) == 2


# --- other people's names, keys, cursors ------------------------------------------------------

@pytest.mark.parametrize("members", [
    {"user_id": "u-somebody"}, {"userId": "admin"}, {"userId": 1}, {"user_id": "anonymous"}])
@pytest.mark.parametrize("path, seats", [("/api/book", {"seatId": "S1"}),
                                         ("/api/bookings", {"seatIds": ["S1"]})])
def test_nobody_books_as_somebody_else(bob, event, nothing, members, path, seats):
    assert_problem(bob.web.post(path, {"eventId": event, **seats, **members}), 403)


@pytest.mark.parametrize("members", [
    {"status": "confirmed"}, {"bookingId": "0198a1b2-c3d4-8e5f-9a0b-1c2d3e4f5061"},
    {"expiresAt": "2999-01-01T00:00:00Z", "holdTtlMs": 86_400_000}, {"totalMinor": 0, "price": 0},
    {"actor": "admin", "role": "admin"}, {"address": "203.0.113.66"}, {"type": "cancel_event"},
    {"mode": "hold", "requestedAt": "2000-01-01T00:00:00.000Z"}])
def test_members_of_the_inside_are_not_looked_at(whole_stack, alice, members):
    """Mass assignment: the booking is what it would be without them."""
    event = whole_stack.create_event(1, price_minor=500)
    answer = alice.web.post("/api/bookings", {"eventId": event, "seatIds": ["S1"], **members})
    assert answer.status == 202, answer
    assert answer.json()["bookingId"] != members.get("bookingId")
    found = alice.outcome(answer.json()["bookingId"])
    assert (found["status"], found["mode"], found["user_id"], found["total_minor"]) == (
        "held", "hold", alice.user_id, 500)
    assert found["history"][0]["actor"] == alice.user_id
    assert found["expires_at"] < "2999" and found["requested_at"] > "2020"


@pytest.mark.parametrize("mode", ["block", "unblock", "cancel_event", "cancel", "expire", "sweep"])
def test_nobody_asks_for_an_administrators_command_in_a_booking(alice, event, nothing, mode):
    answer = alice.web.post("/api/bookings", {"eventId": event, "seatIds": ["S1"], "mode": mode})
    assert_named(answer, 422, "mode")


def test_a_key_of_anothers_is_ones_own(whole_stack, alice, bob):
    """The same Idempotency-Key of two people is two keys: nobody learns of or uses up another's."""
    event = whole_stack.create_event(2)
    key = {"Idempotency-Key": f"shared-{event}"}
    mine = alice.web.post("/api/bookings", {"eventId": event, "seatIds": ["S1"]}, key)
    other = bob.web.post("/api/bookings", {"eventId": event, "seatIds": ["S2"]}, key)
    assert (mine.status, other.status) == (202, 202)
    assert mine.json()["bookingId"] != other.json()["bookingId"]
    assert bob.outcome(other.json()["bookingId"])["seats"] == ["S2"]
    again = alice.web.post("/api/bookings", {"eventId": event, "seatIds": ["S1"]}, key)
    assert again.json()["bookingId"] == mine.json()["bookingId"]


def test_a_cursor_is_for_the_list_it_came_from(whole_stack, alice, bob):
    for one in (alice, bob):
        event = whole_stack.create_event(2)
        for seat in ("S1", "S2"):
            one.held(event, [seat])
    page = alice.web.get("/api/bookings?limit=1")
    cursor = page.header("Link").partition("cursor=")[2].partition(">")[0]
    assert_named(bob.web.get(f"/api/bookings?limit=1&cursor={cursor}"), 400, "cursor")
    flipped = ("A" if cursor[0] != "A" else "B") + cursor[1:]
    for other in (flipped, cursor[:-1], cursor + "A", cursor[::-1], cursor.swapcase()):
        assert_named(alice.web.get(f"/api/bookings?limit=1&cursor={other}"), 400, "cursor")
    assert alice.web.get(f"/api/bookings?limit=1&cursor={cursor}").status == 200


@pytest.mark.parametrize("value", [
    'x","level":"info","event":"forged', "x\u001b[31m", "%0d%0a{}", "a" * 200, "\u2028"])
def test_what_comes_in_a_head_forges_no_line_of_the_log(whole_stack, alice, value):
    starts = {name: whole_stack[name].log_size() for name in whole_stack.instances("write-api")}
    access_log = whole_stack.state / "log" / "nginx-access.log"
    begin = len(access_log.read_text())
    headers = {"X-Request-Id": value, "User-Agent": value, "traceparent": value}
    headers = {name: text.encode("utf-8").decode("latin1") for name, text in headers.items()}
    answer = alice.web.post("/api/book", {}, headers)
    assert answer.status == (400 if "\u001b" in value else 422)
    assert answer.header("X-Request-Id") != value or value == "a" * 128

    def lines():
        return [json.loads(text) for text in access_log.read_text()[begin:].splitlines()] + [
            line for name, start in starts.items() for line in whole_stack.log_lines(name, start)]

    servers = {"nginx", "write-api"} if answer.status == 422 else {"nginx"}
    wait_for(lambda: servers == {line["service"] for line in lines() if line.get("request_id")
                                 == answer.header("X-Request-Id")}, 10, "each has its line")
    assert "forged" not in {line["event"] for line in lines()}


# --- greed ------------------------------------------------------------------------------------

def test_nobody_hoards_seats_by_holding_them(whole_stack, admin, alice):
    event = post_event(admin, 12, "hoard", holdsPerUserMax=4)
    seats = [f"Hall-A-{n}" for n in range(1, 13)]
    made = [alice.hold(event, [seat]).json()["bookingId"] for seat in seats]
    found = [alice.outcome(booking_id) for booking_id in made]
    assert [b["status"] for b in found] == ["held"] * 4 + ["rejected"] * 8
    assert {b["reason"] for b in found[4:]} == {"hold_limit"}
    counts = whole_stack.seat_map(event)["counts"]
    assert (counts["held"], counts["available"]) == (4, 8)
    # What is confirmed is no hold, and what is given back is none.
    alice.decision(made[0], "confirm")
    alice.decision(made[1], "cancel")
    assert alice.held(event, seats[4:6])["status"] == "held"
    assert alice.outcome(alice.hold(event, [seats[6]]).json()["bookingId"])["reason"] == (
        "hold_limit")


def test_a_crowd_of_holds_at_once_is_no_way_round_the_limit(whole_stack, admin, alice):
    event = post_event(admin, 30, "crowd", holdsPerUserMax=5)
    seats = [f"Hall-A-{n}" for n in range(1, 31)]
    answers = whole_stack.each(lambda seat: alice.hold(event, [seat]), seats, 16)
    made = [answer.json()["bookingId"] for answer in answers]
    whole_stack.wait_settled(made, 10)
    held = whole_stack.pg_value("SELECT count(*) FROM seats WHERE event_id = %s"
                                " AND status = 'held'", event)
    assert held == 5


def test_cancelling_twice_gives_back_once(whole_stack, alice, bob):
    event = whole_stack.create_event(1)
    booking_id = alice.held(event, ["S1"])["booking_id"]
    assert alice.decision(booking_id, "cancel")["result"] == "done"
    theirs = bob.held(event, ["S1"], mode="book")
    assert alice.decision(booking_id, "cancel")["result"] == "unchanged"
    assert alice.decision(booking_id, "delete")["result"] == "unchanged"
    assert bob.booking(theirs["booking_id"])["version"] == 1
    assert whole_stack.seat(event, "S1")["status"] == "booked"


def test_a_guessed_id_is_nobodys(whole_stack, bob, hers, event, nothing):
    """Neither one made up, nor one that was issued for another event, nor a neighbour of hers."""
    last = int(hers["booking_id"][-1], 16)
    guesses = [hers["booking_id"][:-1] + f"{last ^ 1:x}", hers["booking_id"].upper(),
               issue_booking_id(event, "00" * 32), "00000000-0000-8000-8000-000000000000"]
    for guess in guesses:
        for method, suffix in (("GET", ""), ("DELETE", ""), ("PUT", "/confirm")):
            body = None if method == "GET" else {}
            assert_problem(bob.web.request(method, f"/api/bookings/{guess}{suffix}", body), 404)


def test_a_stolen_id_is_no_use_in_kafka_order_either(whole_stack, alice, bob):
    """Should the tag of an owner be hit by chance, the worker asks the ledger: not_owner."""
    event = whole_stack.create_event(1)
    booking_id = alice.held(event, ["S1"])["booking_id"]
    command = {"type": "cancel", "bookingId": booking_id, "userId": bob.user_id,
               "commandId": "7d3e1f20-5a6b-8c7d-8e9f-0a1b2c3d4e5f",
               "requestedAt": "2026-03-01T19:30:00.000Z"}
    whole_stack.produce([(partition_of(booking_id, whole_stack.partitions()), booking_id.encode(),
                          json.dumps(command).encode(),
                          {"content-type": b"application/json", "schema-version": b"1"})])
    entry = alice.decided(booking_id, command["commandId"])
    assert (entry["result"], entry["reason"]) == ("refused", "not_owner")
    assert alice.booking(booking_id)["status"] == "held"


def test_a_token_of_a_user_who_is_no_more_holds_until_its_end(whole_stack):
    """Tokens are stateless, and say so: SECURITY.md tells how to end them all."""
    token = mint(whole_stack, "u-left-long-ago")
    answer = whole_stack.web.get("/api/auth/me", {"Authorization": f"Bearer {token}"})
    assert (answer.status, answer.json()["role"]) == (200, "user")
