"""What must be refused: each case with its exact status, a problem that helps, and no effect."""

import json

import pytest

from support.problem import assert_problem
from support.web import Client

BAD_JSON, BAD_FIELD = 400, 422
JSON = {"Content-Type": "application/json"}
GOOD = {"userId": "anna", "eventId": "EVENT", "seatId": "S1"}


# --- bodies ----------------------------------------------------------------------------------

def body(**changes):
    return json.dumps({**GOOD, **changes}).encode()


BODIES = {
    "empty": (b"", BAD_JSON),
    "only blanks": (b"  \n ", BAD_JSON),
    "cut off": (b'{"userId":"anna","eventId":"EVENT","seatId":"S1"', BAD_JSON),
    "not JSON at all": (b"userId=anna&seatId=S1", BAD_JSON),
    "a trailing comma": (b'{"userId":"anna","eventId":"EVENT","seatId":"S1",}', BAD_JSON),
    "single quotes": (b"{'userId':'anna','eventId':'EVENT','seatId':'S1'}", BAD_JSON),
    "bare keys": (b'{userId:"anna",eventId:"EVENT",seatId:"S1"}', BAD_JSON),
    "a comment": (b'{"userId":"anna",/*x*/"eventId":"EVENT","seatId":"S1"}', BAD_JSON),
    "NaN": (b'{"userId":NaN,"eventId":"EVENT","seatId":"S1"}', BAD_JSON),
    "two documents": (body() + body(), BAD_JSON),
    "bytes after it": (body() + b"x", BAD_JSON),
    "a NUL after it": (body() + b"\0", BAD_JSON),
    "a byte order mark": (b"\xef\xbb\xbf" + body(), BAD_JSON),
    "UTF-16": (body().decode().encode("utf-16"), BAD_JSON),
    "a NUL byte in a string": (b'{"userId":"an\0na","eventId":"EVENT","seatId":"S1"}', BAD_JSON),
    "an escaped NUL": (b'{"userId":"an\\u0000na","eventId":"EVENT","seatId":"S1"}', BAD_JSON),
    "an escaped NUL in a key": (b'{"userId\\u0000":"x","userId":"anna","eventId":"EVENT",'
                                b'"seatId":"S1"}', BAD_JSON),
    "a line break in a string": (b'{"userId":"an\nna","eventId":"EVENT","seatId":"S1"}', BAD_JSON),
    "a lone surrogate": (b'{"userId":"\\ud800","eventId":"EVENT","seatId":"S1"}', BAD_JSON),
    "a bad escape": (b'{"userId":"\\x41","eventId":"EVENT","seatId":"S1"}', BAD_JSON),
    "invalid UTF-8": (b'{"userId":"\xff\xfe","eventId":"EVENT","seatId":"S1"}', BAD_JSON),
    "overlong UTF-8": (b'{"userId":"\xc0\xaf","eventId":"EVENT","seatId":"S1"}', BAD_JSON),
    "UTF-8 cut off": (b'{"userId":"\xe2\x82","eventId":"EVENT","seatId":"S1"}', BAD_JSON),
    "a key twice": (b'{"userId":"anna","userId":"ben","eventId":"EVENT","seatId":"S1"}', BAD_JSON),
    "a key twice, once escaped": (b'{"userId":"anna","user\\u0049d":"ben","eventId":"EVENT",'
                                  b'"seatId":"S1"}', BAD_JSON),
    "nested 50 deep": (b'{"userId":' + b"[" * 50 + b"]" * 50 + b"}", BAD_JSON),
    "nested 8,000 deep": (b'{"x":' + b"[" * 8000 + b"]" * 8000 + b"}", BAD_JSON),
    "brackets never closed": (b"[" * 16000, BAD_JSON),
    "objects never closed": (b'{"a":' * 3000, BAD_JSON),
    "a number too large": (b'{"userId":1e999,"eventId":"EVENT","seatId":"S1"}', BAD_JSON),
    "an integer too large": (b'{"userId":99999999999999999999999,"eventId":"EVENT",'
                             b'"seatId":"S1"}', BAD_JSON),
    "an array": (b"[]", BAD_JSON),
    "a number": (b"42", BAD_JSON),
    "null": (b"null", BAD_JSON),
    "true": (b"true", BAD_JSON),
    "a string": (b'"book S1"', BAD_JSON),
}


@pytest.mark.parametrize("path", ["/api/book", "/api/bookings"])
@pytest.mark.parametrize("case", BODIES)
def test_a_body_that_is_no_json_object_is_refused(stack, event, no_effect, case, path):
    data, status = BODIES[case]
    data = data.replace(b"EVENT", event.encode())
    if path == "/api/bookings":
        data = data.replace(b'"seatId":"S1"', b'"seatIds":["S1"]')
    answer = stack.web.post(path, data, JSON)
    assert_problem(answer, status)


FIELDS = {"userId": "an id", "eventId": "an id", "seatId": "an id"}
BAD_VALUES = {
    "missing": None,
    "null": b"null",
    "true": b"true",
    "an object": b"{}",
    "an array": b'["S1"]',
    "a fraction": b"1.5",
    "empty": b'""',
    "65 characters": b'"' + b"x" * 65 + b'"',
    "1,000 characters": b'"' + b"x" * 1000 + b'"',
    "a blank": b'"a b"',
    "a blank at its end": b'"a "',
    "a slash": b'"a/b"',
    "a percent sign": b'"a%41"',
    "a letter beyond ASCII": '"ä"'.encode(),
    "a line break": b'"a\\nb"',
    "SQL": b'"x\'; DROP TABLE seats; --"',
    "two dots": b'".."',
    "one dot": b'"."',
    "a dollar sign": b'"$ne"',
}


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("case", BAD_VALUES)
def test_a_field_outside_its_grammar_is_refused_by_name(stack, event, no_effect, field, case):
    members = {name: json.dumps(value).encode() for name, value in
               {**GOOD, "eventId": event}.items()}
    if BAD_VALUES[case] is None:
        del members[field]
    else:
        members[field] = BAD_VALUES[case]
    data = b"{" + b",".join(b'"%s":%s' % (n.encode(), v) for n, v in members.items()) + b"}"
    problem = assert_problem(stack.web.post("/api/book", data, JSON), BAD_FIELD)
    assert [error["field"] for error in problem["errors"]] == [field]
    assert len(problem["errors"][0]["detail"]) >= 5


@pytest.mark.parametrize("field", ["userId", "eventId"])
def test_a_colon_is_for_seats_only(stack, event, no_effect, field):
    data = {**GOOD, "eventId": event, field: "a:b"}
    problem = assert_problem(stack.web.post("/api/book", data), BAD_FIELD)
    assert [error["field"] for error in problem["errors"]] == [field]


def test_all_bad_fields_are_named_at_once(stack, event, no_effect):
    problem = assert_problem(stack.web.post("/api/book", {"userId": "", "seatId": None}), BAD_FIELD)
    assert sorted(e["field"] for e in problem["errors"]) == ["eventId", "seatId", "userId"]


@pytest.mark.parametrize("size", [16_385, 20_000, 1_000_000])
def test_a_body_over_the_limit_is_refused(stack, event, no_effect, size):
    data = body(eventId=event, note="x" * size)[:size]
    head = (f"POST /api/book HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(data)}\r\nConnection: close\r\n\r\n").encode()
    assert_problem(stack.web.raw(head + data), 413)


def test_a_body_announced_as_huge_is_refused_before_it_comes(stack, event, no_effect):
    assert_problem(stack.web.raw(
        b"POST /api/book HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: 107374182400\r\n\r\n{"), 413)


def test_a_body_just_within_the_limit_is_accepted(stack):
    event = stack.create_event(1)
    data = body(eventId=event, note="")
    data = body(eventId=event, note="x" * (16_384 - len(data)))
    assert len(data) == 16_384
    assert stack.web.post("/api/book", data, JSON).status == 202


@pytest.mark.parametrize("content_type", [
    None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
    "application/xml", "application/jsonx", "application/json; charset=latin1", "json", "*/*",
    "application/json, text/plain",
])
def test_another_content_type_is_refused(stack, event, no_effect, content_type):
    headers = {"Content-Type": content_type} if content_type else {}
    assert_problem(stack.web.post("/api/book", body(eventId=event), headers), 415,
                   ["application/json"])


@pytest.mark.parametrize("content_type", [
    "application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8",
    'application/json; charset="utf-8"',
])
def test_the_content_type_is_read_as_the_standard_says(stack, content_type):
    event = stack.create_event(1)
    answer = stack.web.post("/api/book", body(eventId=event), {"Content-Type": content_type})
    assert answer.status == 202, answer


# --- methods and paths -------------------------------------------------------------------------

ALLOWED = {
    "/api/book": "POST",
    "/api/bookings/book": "POST",
    "/api/v1/book": "POST",
    "/api/events": "GET, HEAD, POST",
    "/api/events/EVENT": "GET, HEAD, PATCH",
    "/api/events/EVENT/layout": "GET, HEAD",
    "/api/events/EVENT/live": "GET",
    "/docs": "GET, HEAD",
    "/docs/start.js": "GET, HEAD",
    "/openapi.json": "GET, HEAD",
    "/api/shows": "GET, HEAD, POST",
    "/api/shows/EVENT": "GET, HEAD, PATCH",
    "/api/bookings": "GET, HEAD, POST",
    "/api/v1/bookings": "GET, HEAD, POST",
    "/api/bookings/ID": "DELETE, GET, HEAD",
    "/api/v1/bookings/ID": "DELETE, GET, HEAD",
    "/api/bookings/ID/confirm": "PUT",
    "/api/bookings/ID/extend": "PUT",
    "/api/bookings/ID/cancel": "PUT",
    "/api/v1/bookings/ID/confirm": "PUT",
    "/api/bookings/cancel/ID": "DELETE",
    "/api/bookings/user/anna": "GET, HEAD",
    "/api/v1/bookings/users/anna": "GET, HEAD",
}
METHODS = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]


@pytest.mark.parametrize("path, method", [
    (path, method) for path, allowed in ALLOWED.items() for method in METHODS
    if method not in allowed.split(", ")])
def test_another_method_is_refused_and_the_right_ones_named(stack, event, held, no_change, path,
                                                            method):
    path, allowed = path.replace("EVENT", event).replace("ID", held), ALLOWED[path]
    answer = stack.web.request(method, path, body(eventId=event), JSON)
    if method == "HEAD":
        assert (answer.status, answer.body) == (405, b""), answer
    else:
        assert_problem(answer, 405)
    assert sorted(answer.header("Allow").split(", ")) == allowed.split(", ")


def test_a_method_that_nobody_knows_is_refused(stack, event, no_effect):
    assert_problem(stack.web.request("BOOK", "/api/book", body(eventId=event), JSON), 400)


def test_trace_is_refused(stack, event, no_effect):
    assert_problem(stack.web.raw(b"TRACE /api/book HTTP/1.1\r\nHost: x\r\n\r\n"), 405)


POST_PATHS = [
    "/", "/api", "/api/", "/api/book/", "/api/book/x", "/api/books", "/api/Book", "/API/BOOK",
    "//api/book", "/api//book", "/api/./book", "/api/x/../book", "/api/book/..", "/api/book/.",
    "/../api/book", "/api/%62ook", "/api%2fbook", "/api/book%2f", "/api/book%20", "/api/book%00",
    "/api/book;x=1", "/api/book%3fx", "/api\\book", "/api/bookings/book/", "/api/book.json",
    "/%2e%2e/api/book", "/api/%2e/book", "/api/book/%2e%2e/book",
]


@pytest.mark.parametrize("path", POST_PATHS)
def test_a_path_that_only_resembles_one_is_refused(stack, event, no_effect, path):
    data = body(eventId=event)
    answer = stack.web.raw(
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(data)}\r\nConnection: close\r\n\r\n".encode() + data)
    if path in ("/api/book%00", "/../api/book", "/%2e%2e/api/book"):  # no path at all
        assert_problem(answer, 400)
    else:
        assert_problem(answer, 404)


GET_PATHS = [
    "/api/events/", "/api//events", "/api/events//", "/api/events/%2e%2e", "/api/events/..%2f..",
    "/api/events/a%2fb", "/api/events/%ff", "/api/events/a%20b", "/api/events/%c3%a4",
    "/api/events/" + "x" * 65, "/api/events/no-such-event", "/api/events/EVENT/",
    "/api/events/EVENT/seats", "/api/events/EVENT%2e%2e", "/api/events/$where", "/api/events/.",
    "/api/bookings/", "/api/bookings/1", "/api/bookings/x" + "x" * 500,
    "/api/bookings/00000000-0000-4000-8000-000000000000",
    "/api/bookings/00000000-0000-8000-8000-000000000000", "/livez", "/readyz", "/metrics",
    "/nginx_status", "/.git/config", "/internal", "/internal/live", "/internal/live/EVENT",
    "/%69nternal/live/EVENT", "//internal/live/EVENT", "/api/../internal/live/EVENT",
    "/internal%2flive%2fEVENT", "/api/events/no-such-event/x/live",
]


@pytest.mark.parametrize("path", GET_PATHS)
def test_what_does_not_exist_is_404(stack, event, no_effect, path):
    answer = stack.web.raw(
        f"GET {path.replace('EVENT', event)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        .encode(), method="GET")
    assert_problem(answer, 404)


@pytest.mark.parametrize("path", [
    "/internal/live/EVENT", "/%69nternal/live/EVENT", "//internal/live/EVENT",
    "/api/../internal/live/EVENT", "/api/events/EVENT/live/../../../../internal/live/EVENT",
    "/internal/./live/EVENT",
])
def test_nobody_outside_can_publish(stack, event, path):
    lie = b'{"version":99,"seats":[]}'
    answer = stack.web.raw(
        f"POST {path.replace('EVENT', event)} HTTP/1.1\r\nHost: x\r\n"
        f"Content-Length: {len(lie)}\r\nConnection: close\r\n\r\n".encode() + lie)
    assert_problem(answer, 404)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nobody_can_publish_where_others_subscribe(stack, event, method):
    answer = stack.web.request(method, f"/api/events/{event}/live", b"{}", JSON)
    assert_problem(answer, 405)


# --- headers -----------------------------------------------------------------------------------

@pytest.mark.parametrize("line", [
    "POST /api/book", "POST /api/bookings", "PUT /api/bookings/ID/confirm",
    "DELETE /api/bookings/ID"])
@pytest.mark.parametrize("key", ["", "x" * 129, "a b", "k\u00e4"],
                         ids=["empty", "129 characters", "a blank", "beyond ASCII"])
def test_a_bad_idempotency_key_is_refused(stack, event, held, no_change, key, line):
    data = body(eventId=event, seatIds=["S1"])
    answer = stack.web.raw(
        line.replace("ID", held).encode() + b" HTTP/1.1\r\nHost: x\r\n"
        b"Content-Type: application/json\r\nIdempotency-Key: " + key.encode() + b"\r\n"
        b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(data) + data)
    problem = assert_problem(answer, BAD_FIELD)
    assert [error["field"] for error in problem["errors"]] == ["Idempotency-Key"]


def test_a_control_character_in_a_header_is_refused(stack, event, no_effect):
    data = body(eventId=event)
    answer = stack.web.raw(
        b"POST /api/book HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Idempotency-Key: a\tb\r\n"
        b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(data) + data)
    assert_problem(answer, 400)


def test_two_idempotency_keys_are_refused(stack, event, no_effect):
    data = body(eventId=event)
    answer = stack.web.raw(
        b"POST /api/book HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Idempotency-Key: a\r\nIdempotency-Key: b\r\n"
        b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(data) + data)
    problem = assert_problem(answer, BAD_FIELD)
    assert [error["field"] for error in problem["errors"]] == ["Idempotency-Key"]


HEADS = {
    "Content-Length with Transfer-Encoding":
        (b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", 400),
    "Transfer-Encoding with Content-Length":
        (b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", 400),
    "two Content-Lengths": (b"Content-Length: 4\r\nContent-Length: 5\r\n", 400),
    "the same Content-Length twice": (b"Content-Length: 4\r\nContent-Length: 4\r\n", 400),
    "a list of Content-Lengths": (b"Content-Length: 4, 4\r\n", 400),
    "a negative Content-Length": (b"Content-Length: -4\r\n", 400),
    "a Content-Length with a sign": (b"Content-Length: +4\r\n", 400),
    "a hexadecimal Content-Length": (b"Content-Length: 0x4\r\n", 400),
    "a Content-Length beyond 64 bits": (b"Content-Length: 99999999999999999999999\r\n", 400),
    "an unknown Transfer-Encoding": (b"Transfer-Encoding: xchunked\r\n", 501),
    "a Transfer-Encoding before chunked": (b"Transfer-Encoding: gzip, chunked\r\n", 501),
    "two Transfer-Encodings":
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400),
    "a header without colon": (b"Content-Length 4\r\n\r\nabcd", 400),
    "a blank before the colon": (b"Content-Length : 4\r\n\r\nabcd", 400),
    "a NUL in a header": (b"X-A: a\0b\r\nContent-Length: 0\r\n", 400),
    "a header of 20,000 bytes": (b"X-A: " + b"a" * 20_000 + b"\r\n", 431),
    "2,000 headers": (b"".join(b"X-%d: %s\r\n" % (n, b"v" * 40) for n in range(2000)), 431),
    "two Hosts": (b"Host: y\r\nContent-Length: 0\r\n", 400),
}


@pytest.mark.parametrize("case", HEADS)
def test_a_head_that_could_be_read_in_two_ways_is_refused(stack, event, no_effect, case):
    lines, status = HEADS[case]
    answer = stack.web.raw(
        b"POST /api/book HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + lines
        + b"\r\n0\r\n\r\n")
    assert_problem(answer, status)


@pytest.mark.parametrize("lines", [
    b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
    b"Content-Length: 0\r\nContent-Length: 44\r\n",
])
def test_a_second_request_smuggled_in_the_body_is_not_answered(stack, event, no_effect, lines):
    smuggled = b"GET /api/events HTTP/1.1\r\nHost: x\r\n\r\n"
    received = stack.web.raw_all(
        b"POST /api/book HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + lines
        + b"\r\n0\r\n\r\n" + smuggled)
    assert received.count(b"HTTP/1.1 ") == 1 and received.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("port, path, kind", [
    (100, "/api/book", "write-api"), (120, "/api/events", "read-api")])
@pytest.mark.parametrize("lines", [
    b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
    b"Content-Length: 4\r\nContent-Length: 5\r\n",
    b"Content-Length: 4\r\nContent-Length: 4\r\n",
])
def test_the_programs_refuse_smuggling_themselves(stack, event, no_effect, port, path, kind, lines):
    method = b"POST" if kind == "write-api" else b"GET"
    smuggled = b"GET /api/events HTTP/1.1\r\nHost: x\r\n\r\n"
    direct = Client(stack.base + port)
    received = direct.raw_all(
        method + b" " + path.encode() + b" HTTP/1.1\r\nHost: x\r\n"
        b"Content-Type: application/json\r\n" + lines + b"\r\n0\r\n\r\n" + smuggled)
    assert received.count(b"HTTP/1.1 ") == 1 and received.startswith(b"HTTP/1.1 400 "), received


def test_a_chunked_body_is_read_by_the_gateway(stack):
    event = stack.create_event(1)
    data = body(eventId=event)
    answer = stack.web.raw(
        b"POST /api/book HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data))
    assert answer.status == 202, answer


@pytest.mark.parametrize("line, status", [
    (b"GET /" + b"x" * 20_000 + b" HTTP/1.1", 414),
    (b"GET /api/events HTTP/3.0", 505),
    (b"GET /api/events HTTP/1.1 x", 400),
    (b"GET api/events HTTP/1.1", 400),
    (b"GET /api/events#x HTTP/1.1", 400),
    (b"GET /api/events?#&q=x HTTP/1.1", 400),
    (b"G\0T /api/events HTTP/1.1", 400),
    (b"GET /api/\0events HTTP/1.1", 400),
], ids=["too long", "HTTP/3.0", "four words", "no slash", "fragment of a path",
        "fragment of a query", "NUL in the method", "NUL in the path"])
def test_a_bad_request_line_is_refused(stack, no_effect, line, status):
    answer = stack.web.raw(line + b"\r\nHost: x\r\n\r\n", method="GET")
    assert_problem(answer, status)


def test_a_request_without_host_is_refused(stack, no_effect):
    assert_problem(stack.web.raw(b"GET /api/events HTTP/1.1\r\n\r\n", method="GET"), 400)


# --- queries -----------------------------------------------------------------------------------

QUERIES = {
    "limit": ["0", "101", "-1", "1.5", "x", "99999999999", "%31%00", "1&limit=2", "%zz"],
    "cursor": ["x", "AAAA", "%00", "..", "a" * 300, "e30", "1&cursor=2"],
    "from": ["yesterday", "2026-13-01", "2026-02-30", "2026-03-01T25:00:00Z", "0", "2026-03-01x"],
    "kind": ["a%00", "A%20B", "x" * 40, "concert&kind=sport"],
    "q": ["%ff", "a%00b", "x" * 200, "%"],
}


@pytest.mark.parametrize("name, value", [(n, v) for n, values in QUERIES.items() for v in values])
def test_a_bad_parameter_of_the_list_is_refused_by_name(stack, name, value):
    problem = assert_problem(stack.web.get(f"/api/events?{name}={value}"), 400)
    assert name in [error["field"] for error in problem["errors"]]
