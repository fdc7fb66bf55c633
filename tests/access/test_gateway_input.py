"""Requests that would be something else: two of them, another path, a line of a log."""

import itertools
import json
import os
import re

import pytest

from support.problem import assert_problem
from support.wait import wait_for

_numbers = itertools.count(1)


def mark():
    return f"mark-{os.getpid()}-{next(_numbers)}."


# --- two requests in one -------------------------------------------------------------------------

SMUGGLED = b"GET /api/events?q=smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
ZERO = b"0\r\n\r\n"
TWO_IN_ONE = {
    "a length and chunks": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    "chunks and a length": b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    "no length and chunks": b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
    "two lengths": b"Content-Length: 5\r\nContent-Length: 0\r\n",
    "the same length twice": b"Content-Length: 5\r\nContent-Length: 5\r\n",
    "a list of lengths": b"Content-Length: 5, 0\r\n",
    "chunks twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    "chunks of chunks": b"Transfer-Encoding: chunked, chunked\r\n",
    "chunks, then itself": b"Transfer-Encoding: chunked, identity\r\n",
    "a folded coding": b"Transfer-Encoding:\r\n chunked\r\nContent-Length: 5\r\n",
    "a folded length": b"Content-Length:\r\n 5\r\n",
    "a length below another header": b"X-A: b\r\n Content-Length: 5\r\n",
    "a length behind a bare LF": b"Content-Length: 5\r\nX-A: b\nContent-Length: 0\r\n",
    "chunks behind a bare LF": b"Content-Length: 5\r\nX-A: b\nTransfer-Encoding: chunked\r\n",
    "a blank before the colon": b"Transfer-Encoding : chunked\r\nContent-Length: 5\r\n",
    "a tab before the colon": b"Content-Length\t: 5\r\n",
    "a control character before the value":
        b"Transfer-Encoding: \x0bchunked\r\nContent-Length: 5\r\n",
    "a NUL in the value": b"Transfer-Encoding: chunked\0\r\nContent-Length: 5\r\n",
    "a length in hexadecimal": b"Content-Length: 0x5\r\n",
    "a length with a sign": b"Content-Length: +5\r\n",
    "a length with a blank in it": b"Content-Length: 5 0\r\n",
    "a longer body than chunks allow": b"Transfer-Encoding: chunked;q=0\r\nContent-Length: 5\r\n",
}


@pytest.mark.parametrize("lines", TWO_IN_ONE.values(), ids=TWO_IN_ONE)
@pytest.mark.parametrize("path", [b"/api/book", b"/api/auth/login", b"/api/events"])
def test_what_can_be_read_in_two_ways_is_read_in_none(stack, path, lines):
    received = stack.web.raw_all(
        b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + lines
        + b"\r\n" + ZERO + SMUGGLED)
    assert re.fullmatch(rb"HTTP/1.1 (400|501) .*", received.split(b"\r\n")[0]), received
    assert received.count(b"HTTP/1.1 ") == 1, received


CHUNKS = {
    "a size that is none": b"x\r\n{}\r\n0\r\n\r\n",
    "a size with a sign": b"-2\r\n{}\r\n0\r\n\r\n",
    "a size beyond 64 bits": b"fffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    "a longer chunk than it says": b"1\r\n{}\r\n0\r\n\r\n",
    "no line after a chunk": b"2\r\n{}0\r\n\r\n",
}


@pytest.mark.parametrize("body", CHUNKS.values(), ids=CHUNKS)
def test_chunks_that_are_none_end_the_connection(stack, body):
    received = stack.web.raw_all(
        b"POST /api/book HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n" + body + SMUGGLED)
    assert received.count(b"HTTP/1.1 ") <= 1 and b"smuggled" not in received
    assert not received or received.startswith(b"HTTP/1.1 400 "), received


@pytest.mark.parametrize("name", ["Transfer_Encoding", "Content_Length", "X_Request_Id",
                                  "Seatline_Request", "Authorization_"])
def test_a_header_with_an_underscore_is_left_out(alice, name):
    """A program might take it for the one with a hyphen."""
    event = alice.create_event(1)
    answer = alice.web.post("/api/book", {"eventId": event, "seatId": "S1"},
                            {name: "chunked" if name[0] == "T" else "1"})
    assert answer.status == 202, answer


@pytest.mark.parametrize("header, value", [
    ("Seatline-Request", "1-00000000000000000000000000000001"), ("Seatline-Attempt", "again"),
    ("X-Accel-Redirect", "/.problem/500"), ("X-Accel-Buffering", "no"),
    ("X-Forwarded-For", "192.0.2.1"), ("X-Original-URL", "/api/admin/audit"),
    ("X-Rewrite-URL", "/api/admin/audit"), ("X-HTTP-Method-Override", "DELETE"),
    ("Connection", "close, Authorization"), ("Connection", "Seatline-Request"),
    ("Expect", "100-continue"), ("TE", "trailers"), ("Max-Forwards", "0")])
def test_what_only_the_gateway_says_a_client_cannot(alice, header, value):
    """Two bookings with the same forged header are two, by who sent them, from where they came."""
    event = alice.create_event(2)
    ids = set()
    for seat in ("S1", "S2"):
        answer = alice.web.post("/api/book", {"eventId": event, "seatId": seat}, {header: value})
        assert answer.status == 202, answer
        ids.add(answer.json()["bookingId"])
    assert len(ids) == 2
    for booking_id in ids:
        assert alice.outcome(booking_id)["user_id"] == alice.user_id
    rows = alice.pg_rows("SELECT DISTINCT address FROM booking_log WHERE event_id = %s", event)
    assert rows in ([("127.0.0.1",)], [(None,)])


# --- another path --------------------------------------------------------------------------------

WAYS_ROUND = [
    "/api/admin/../admin/audit", "/api//admin/audit", "//api/admin/audit", "/api/./admin/audit",
    "/api/events/../admin/audit", "/api/%61dmin/audit", "/api/admin%2faudit", "/API/ADMIN/audit",
    "/api/admin/audit/", "/api/admin/audit/.", "/api/admin/audit;x", "/api/admin/audit%00",
    "/api/admin/audit%20", "/api/admin\\audit", "/api/v1/admin/audit", "/api/v1/v1/admin/audit",
    "/api/v1/../admin/audit", "/api/shows/../admin/audit", "/docs/../api/admin/audit",
    "/docs/..%2fapi/admin/audit", "/api/admin/audit?x=/api/events", "/api/events/x/bookings.csv",
    "/api/events/x/bookings%2ecsv", "/api/shows/x/bookings.csv", "/api/v1/events/x/bookings.csv",
    "/api/admin/dead-letters", "/api/admin", "/api/admin/", "http://x/api/admin/audit",
    "http://admin@x/api/admin/audit", "/.wait/booking/x", "/.problem/200", "/.preflight",
    "/.ready/write-api", "/internal/outcomes/x/new", "/docs/../../nginx.conf", "/docs/nginx.conf",
    "/docs/%2e%2e/nginx.conf", "/docs/..%2fnginx.conf", "/docs/.%2e/tls/key.pem", "/docs/LICENSE",
    "/docs//etc/passwd", "/docs/start.js/", "/docs/start.js%00.png", "/openapi.json/",
    "/openapi.json/..", "/docs/swagger-ui-bundle.js.gz",
]


@pytest.mark.parametrize("path", WAYS_ROUND)
def test_no_way_round_leads_in(stack, path):
    """Nobody sees what is an administrator's, or a file that is not meant, by whatever name."""
    answer = stack.web.raw(
        f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode("latin-1"), "GET")
    assert answer.status in (400, 401, 404), answer
    assert_problem(answer, answer.status)


@pytest.mark.parametrize("path", WAYS_ROUND[:20])
def test_what_is_let_in_by_another_name_is_asked_for_the_same_role(alice, path):
    answer = alice.web.request("GET", path.replace("http://x", ""))
    assert answer.status in (400, 403, 404), answer


# --- a line of a log -----------------------------------------------------------------------------

LINE = '{"level":"error","event":"forged"}'
TELLTALE = "forged"
NASTY = ["a\\nb", '"', '\\"', "\\", "\\u0000", "\u007f", "\x1b[31m", "\u0085", "\u2028", "%0d%0a",
         "%0a" + LINE, "\\n" + LINE, "\xff\xfe", "\ud83d\ude00".encode("utf-16", "surrogatepass")
         .decode("utf-16"), "$request_id", "${jndi:ldap://x}", "%s%n", "</script>", "'; --"]


def log_lines(stack):
    """Of nginx and all programs; each has to be one JSON object, in UTF-8."""
    names = ["nginx-access.log"] + [f"{name}.log" for name in stack.instances()]
    for name in names:
        data = (stack.state / "log" / name).read_bytes()
        for line in data[:data.rfind(b"\n") + 1].splitlines(keepends=True):
            yield name, line


def assert_whole(stack, marks):
    """Every line is one object, and nothing that was sent has become one. Each mark stands in the
    gateway's log, once."""
    def counts():
        log = (stack.state / "log" / "nginx-access.log").read_bytes()
        return [log.count(each.encode()) for each in marks]

    wait_for(lambda: all(counts()), 10, "the gateway has logged all of them")
    assert set(counts()) <= {1}
    for name, line in log_lines(stack):
        try:
            entry = json.loads(line.decode("utf-8"))
        except ValueError as error:
            raise AssertionError(f"{name}: {line!r}") from error
        assert isinstance(entry, dict) and entry["event"] != TELLTALE, (name, line)
        assert re.fullmatch(rb"[\x20-\xff]*\n", line), (name, line)


def send(stack, target, *headers):
    lines = [b"GET " + target + b" HTTP/1.1", b"Host: x", b"Connection: close", *headers, b"", b""]
    return stack.web.raw(b"\r\n".join(lines), "GET")


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_target_becomes_no_line_of_a_log(stack, encoding):
    marks = []
    for nasty in NASTY:
        raw = nasty.encode(encoding, "replace").replace(b" ", b"")
        for form in (b"/api/events/%s-%s", b"/%s-%s", b"/api/events?q=%s-%s",
                     b"/api/bookings?userId=%s-%s"):
            each = mark()
            status = send(stack, form % (each.encode(), raw)).status
            assert status in (200, 400, 401, 404)
            if status != 400:  # no target at all is not logged
                marks.append(each)
    assert_whole(stack, marks)


@pytest.mark.parametrize("header", ["User-Agent", "Referer", "X-Request-Id", "Authorization",
                                    "Idempotency-Key", "traceparent", "X-Forwarded-For", "Prefer",
                                    "If-None-Match", "Cookie", "Host"])
def test_a_header_becomes_no_line_of_a_log(stack, header):
    marks = []
    for nasty, encoding in itertools.product(NASTY, ("utf-8", "latin-1")):
        each = mark()
        value = header.encode() + b": " + nasty.encode(encoding, "replace")
        answer = stack.web.raw(b"\r\n".join([
            b"GET /api/events?q=" + each.encode() + b" HTTP/1.1",
            *([b"Host: x"] if header != "Host" else []), value, b"Connection: close", b"", b""]),
            "GET")
        assert answer.status in (200, 400, 401, 422), answer
        assert answer.header("X-Request-Id").isascii()
        marks.append(each)
    assert_whole(stack, marks)


def test_a_body_becomes_no_line_of_a_log(stack, alice):
    event = alice.create_event(2)
    for nasty in NASTY:
        nasty = nasty.replace("\\n", "\n")
        for path, body in (
                ("/api/auth/login", {"email": f"{nasty}@example.com", "password": nasty}),
                ("/api/auth/register", {"email": nasty, "password": nasty * 20}),
                ("/api/book", {"eventId": nasty, "seatId": nasty, "userId": nasty}),
                ("/api/bookings", {"eventId": event, "seatIds": [nasty]})):
            answer = alice.web.post(path, body)
            assert answer.status in (202, 400, 401, 403, 404, 422), answer
    assert_whole(stack, [])
