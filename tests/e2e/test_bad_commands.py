"""What the calls about bookings refuse: each case with its exact status, and no effect."""

import json

import pytest

from support.problem import assert_problem

BAD_FIELD = 422
JSON = {"Content-Type": "application/json"}


# --- several seats ----------------------------------------------------------------------------

def seats(*ids):
    return json.dumps(ids).encode()


# Of POST /api/bookings: what stands for a member, and the member that is named as wrong.
BAD_MEMBERS = {
    "no seats": ("seatIds", None, "seatIds"),
    "seats that are null": ("seatIds", b"null", "seatIds"),
    "seats in a text": ("seatIds", b'"S1"', "seatIds"),
    "a number of seats": ("seatIds", b"2", "seatIds"),
    "seats in an object": ("seatIds", b'{"0":"S1"}', "seatIds"),
    "an empty list": ("seatIds", b"[]", "seatIds"),
    "eleven seats": ("seatIds", seats(*(f"S{n}" for n in range(11))), "seatIds"),
    "1,000 seats": ("seatIds", seats(*(f"S{n}" for n in range(1000))), "seatIds"),
    "a seat twice": ("seatIds", seats("S1", "S2", "S1"), "seatIds[2]"),
    "a seat twice, once as a number": ("seatIds", seats("7", 7), "seatIds[1]"),
    "a list of lists": ("seatIds", b'[["S1"]]', "seatIds[0]"),
    "a seat that is null": ("seatIds", b'["S1",null]', "seatIds[1]"),
    "a seat that is true": ("seatIds", b"[true]", "seatIds[0]"),
    "half a seat": ("seatIds", b"[0.5]", "seatIds[0]"),
    "an empty seat": ("seatIds", seats("S1", ""), "seatIds[1]"),
    "a long seat": ("seatIds", seats("x" * 65), "seatIds[0]"),
    "a seat with a blank": ("seatIds", seats("S 1"), "seatIds[0]"),
    "a seat with a slash": ("seatIds", seats("S1", "S2", "S/3"), "seatIds[2]"),
    "two dots for a seat": ("seatIds", seats(".."), "seatIds[0]"),
    "SQL for a seat": ("seatIds", seats("S1'); DROP TABLE seats; --"), "seatIds[0]"),
    "no event": ("eventId", None, "eventId"),
    "an event that is null": ("eventId", b"null", "eventId"),
    "a list of events": ("eventId", b'["EVENT"]', "eventId"),
    "an event with a colon": ("eventId", b'"a:b"', "eventId"),
    "a user that is null": ("userId", b"null", "userId"),
    "an empty user": ("userId", b'""', "userId"),
    "a user with a blank": ("userId", b'"anna b"', "userId"),
    "a user that is a fraction": ("userId", b"1.0", "userId"),
    "an unknown mode": ("mode", b'"reserve"', "mode"),
    "the mode of another command": ("mode", b'"confirm"', "mode"),
    "a mode in capitals": ("mode", b'"HOLD"', "mode"),
    "an empty mode": ("mode", b'""', "mode"),
    "a mode that is null": ("mode", b"null", "mode"),
    "a mode that is a number": ("mode", b"1", "mode"),
    "a mode that is true": ("mode", b"true", "mode"),
}


@pytest.mark.parametrize("path", ["/api/bookings", "/api/v1/bookings"])
@pytest.mark.parametrize("case", BAD_MEMBERS)
def test_a_member_outside_its_grammar_is_refused_by_name(stack, event, no_effect, case, path):
    name, value, named = BAD_MEMBERS[case]
    members = {"userId": b'"anna"', "eventId": json.dumps(event).encode(), "seatIds": b'["S1"]',
               name: value}
    data = b"{" + b",".join(b'"%s":%s' % (n.encode(), v) for n, v in members.items()
                            if v is not None) + b"}"
    problem = assert_problem(stack.web.post(path, data, JSON), BAD_FIELD)
    assert [error["field"] for error in problem["errors"]] == [named]
    assert len(problem["errors"][0]["detail"]) >= 5


@pytest.mark.parametrize("changes, named", [
    ({"user_id": "ben"}, "user_id"),
    ({"event_id": "another"}, "event_id"),
    ({"showId": 5}, "showId"),
    ({"show_id": ""}, "show_id"),
    ({"seats": ["S2"]}, "seats"),
    ({"seat_numbers": ["S1", "S2"]}, "seat_numbers"),
    ({"seatNumbers": []}, "seatNumbers"),
])
def test_two_names_that_say_different_things_are_refused(stack, event, no_effect, changes, named):
    data = {"userId": "anna", "eventId": event, "seatIds": ["S1"], **changes}
    problem = assert_problem(stack.web.post("/api/bookings", data), BAD_FIELD)
    assert [error["field"] for error in problem["errors"]] == [named]


@pytest.mark.parametrize("path, data, named", [
    ("/api/bookings", {"seatId": "S1"}, ["eventId", "seatIds"]),
    ("/api/bookings", {}, ["eventId", "seatIds"]),
    ("/api/bookings", {"userId": [], "mode": 0, "seatIds": ["", ".."]},
     ["eventId", "mode", "seatIds[0]", "seatIds[1]", "userId"]),
    ("/api/bookings/book", {"seatIds": ["S1"]}, ["eventId", "seatId", "userId"]),
])
def test_all_bad_members_are_named_at_once(stack, event, no_effect, path, data, named):
    problem = assert_problem(stack.web.post(path, data), BAD_FIELD)
    assert sorted(error["field"] for error in problem["errors"]) == named


# --- commands ---------------------------------------------------------------------------------

COMMANDS = [("PUT", "/confirm"), ("PUT", "/extend"), ("PUT", "/cancel"), ("DELETE", "")]


@pytest.mark.parametrize("method, suffix", COMMANDS)
@pytest.mark.parametrize("data", [
    b"  \n ", b"userId=anna", b'{"userId":"anna",}', b"{}x", b"{}{}",
    b'{"userId":"a","userId":"b"}',
    b'{"userId":"an\\u0000na"}', b'{"userId":"\xff\xfe"}',
    b'{"x":' + b"[" * 8000 + b"]" * 8000 + b"}",
    b"[]", b"null", b'"confirm"', b"{",
], ids=["blanks", "a form", "a trailing comma", "bytes after it", "two documents", "a key twice",
        "an escaped NUL", "invalid UTF-8", "nested 8,000 deep", "an array", "null", "a string",
        "cut off"])
def test_a_command_with_a_body_that_is_no_json_object_is_refused(stack, held, no_change, data,
                                                                 method, suffix):
    answer = stack.web.request(method, f"/api/bookings/{held}{suffix}", data, JSON)
    assert_problem(answer, 400)


@pytest.mark.parametrize("method, suffix", COMMANDS)
@pytest.mark.parametrize("value", ["", "a b", "x" * 65, None, True, 1.5, ["anna"], {}, "..", "a:b"])
def test_a_command_with_a_bad_user_is_refused(stack, held, no_change, method, suffix, value):
    answer = stack.web.request(method, f"/api/bookings/{held}{suffix}", {"userId": value})
    problem = assert_problem(answer, BAD_FIELD)
    assert [error["field"] for error in problem["errors"]] == ["userId"]


@pytest.mark.parametrize("name, value", [
    *(("paymentReference", value) for value in (
        "", "a b", "x" * 129, "\u00e4", "a\nb", None, False, [], 0.5)),
    ("payment_reference", "another")])
def test_a_bad_payment_reference_is_refused(stack, held, no_change, name, value):
    data = {"paymentReference": "pay_1", name: value}
    problem = assert_problem(stack.web.request("PUT", f"/api/bookings/{held}/confirm", data),
                             BAD_FIELD)
    assert [error["field"] for error in problem["errors"]] == [name]


@pytest.mark.parametrize("method, suffix", COMMANDS)
@pytest.mark.parametrize("content_type", [
    None, "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1"])
def test_a_command_with_a_body_of_another_type_is_refused(stack, held, no_change, method, suffix,
                                                          content_type):
    headers = {"Content-Type": content_type} if content_type else {}
    answer = stack.web.request(method, f"/api/bookings/{held}{suffix}", b"{}", headers)
    assert_problem(answer, 415, ["application/json"])


@pytest.mark.parametrize("method, suffix", COMMANDS)
def test_a_command_with_a_body_over_the_limit_is_refused(stack, held, no_change, method, suffix):
    data = json.dumps({"note": "x" * 16_384}).encode()
    assert_problem(stack.web.request(method, f"/api/bookings/{held}{suffix}", data, JSON), 413)


NO_IDS = [
    "1", "confirm", "x" * 300, "%20", "a%2fb", "$ne", "%00x",
    "00000000-0000-8000-8000-000000000000", "00000000-0000-4000-8000-000000000000", "WRONG-TAG",
    "BRACES", "NO-HYPHENS", "TRAILING",
]


@pytest.mark.parametrize("method, suffix", COMMANDS)
@pytest.mark.parametrize("case", NO_IDS)
def test_a_command_for_what_is_no_booking_is_404(stack, held, no_change, method, suffix, case):
    other = "0" if held[-1] != "0" else "1"
    booking_id = {
        "WRONG-TAG": held[:-1] + other, "BRACES": "{" + held + "}",
        "NO-HYPHENS": held.replace("-", ""), "TRAILING": held + "0"}.get(case, case)
    data = b"{}"
    answer = stack.web.raw(
        f"{method} /api/bookings/{booking_id}{suffix} HTTP/1.1\r\nHost: x\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n"
        "Connection: close\r\n\r\n".encode() + data, method)
    if case == "%00x":  # no path at all
        assert_problem(answer, 400)
    else:
        assert_problem(answer, 404)


@pytest.mark.parametrize("path", [
    "/api/bookings/ID/confirm/", "/api/bookings/ID/Confirm", "/api/bookings/ID//confirm",
    "/api/bookings//ID/confirm", "/api/bookings/ID/%63onfirm", "/api/bookings/ID/confirm%2f",
    "/api/bookings/ID/./confirm", "/api/bookings/x/../ID/confirm", "/api/bookings/ID/confirmed",
    "/api/bookings/ID/book", "/api/bookings/ID/extend/confirm", "/api/bookings/ID/confirm;x",
    "/api/bookings/ID%2fconfirm", "/api/bookings/ID%2Fx", "/api/bookings%2fID%2fconfirm",
    "/API/bookings/ID/confirm", "/api/v1/v1/bookings/ID/confirm",
    "/api/v1//bookings/ID/confirm", "/api/v1/./bookings/ID/confirm",
    "/api/v1/bookings/ID/%63onfirm", "/api/v1%2fbookings/ID/confirm", "/api/v2/bookings/ID/confirm",
    "/v1/bookings/ID/confirm", "/api/x/../v1/bookings/ID/confirm", "/api/bookings/ID/",
])
def test_a_path_that_only_resembles_a_command_is_refused(stack, held, no_change, path):
    answer = stack.web.raw(
        f"PUT {path.replace('ID', held)} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n"
        "Connection: close\r\n\r\n".encode(), "PUT")
    assert_problem(answer, 404)


# --- lists and dialects -----------------------------------------------------------------------

LIST_QUERIES = {
    "userId": ["", "a%20b", "a/b", "%ff", "a%00", "x" * 65, "..", "a:b", "a&userId=b",
               "a&user_id=b", "%24ne", "[$ne]"],
    "limit": ["0", "101", "-1", "x", "1&limit=2"],
    "cursor": ["x", "AAAA", "%00", "a" * 300],
    "status": ["pending", "HELD", "x", "held&status=held", "a%00"],
    "eventId": ["a%20b", "a&showId=b", "x" * 65],
}


@pytest.mark.parametrize("name, value", [(n, v) for n, vs in LIST_QUERIES.items() for v in vs])
def test_a_bad_parameter_of_a_users_list_is_refused_by_name(stack, name, value):
    query = f"{name}={value}" if name == "userId" else f"userId=anna&{name}={value}"
    problem = assert_problem(stack.web.get(f"/api/bookings?{query}"), 400)
    named = [error["field"] for error in problem["errors"]]
    assert named in ([name], [value.partition("&")[2].partition("=")[0]]), named


@pytest.mark.parametrize("query", ["", "?", "?limit=5", "?userid=anna", "?userId"])
def test_a_list_of_nobodys_bookings_is_refused(stack, query):
    problem = assert_problem(stack.web.get(f"/api/bookings{query}"), 400)
    assert [error["field"] for error in problem["errors"]] == ["userId"]


@pytest.mark.parametrize("path", [
    "/api/bookings/user", "/api/bookings/users", "/api/bookings/cancel", "/api/bookings/user/",
    "/api/bookings/user/a%20b", "/api/bookings/user/%61nna", "/api/bookings/user/anna/x",
    "/api/bookings/user/" + "x" * 65, "/api/bookings/user//anna", "/api/bookings/users/./anna",
    "/api/bookings/user/a&b=c", "/api/shows/", "/api/shows/%31", "/api/shows//1", "/api/shows/./1",
    "/api/show/1", "/api/shows/no-such-show", "/api/v1", "/api/v1/", "/api/v1/nothing",
    "/api/v1/v1/events", "/api/v1/" + "v1/" * 30 + "events", "/api/v1/%65vents", "/api//v1/events",
    "/api/v1/internal/live/x", "/api/v1/../internal/live/x", "/.problem/405/GET", "/.problem/404",
])
def test_a_path_that_only_resembles_another_dialect_is_404(stack, path):
    answer = stack.web.raw(
        f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode(), "GET")
    assert_problem(answer, 404)
