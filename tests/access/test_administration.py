"""What administrators do: events, prices, seats off sale, the end of an event, exports. And whose
command a command is. What is refused by its form is in test_bad_administration.py.
"""

import csv
import io
import itertools
import os
import re

import pytest

from support.people import event_of, person, post_event
from support.problem import assert_named, assert_problem
from support.stack import TOPIC
from support.wait import wait_for

_numbers = itertools.count(1)

NEXT = re.compile(r'<([^>]+)>; rel="next"')


def key():
    return {"Idempotency-Key": f"k-{os.getpid()}-{next(_numbers)}"}


def seen(stack, event_id, page=""):
    """What everybody sees of an event; page "/layout": of its seats."""
    answer = stack.web.get(f"/api/events/{event_id}{page}", {"Cache-Control": "no-cache"})
    assert answer.status == 200, answer
    return answer.json()


def changed(admin, event_id, changes):
    answer = admin.web.request("PATCH", f"/api/events/{event_id}", changes)
    assert answer.status == 200, answer
    return answer.json()


def told(stack, event_id, name, value):
    """The read model says so."""
    wait_for(lambda: seen(stack, event_id).get(name) == value, 10, f"{name} is {value}")


def seats(first, last):
    return [f"Hall-A-{n}" for n in range(first, last + 1)]


def put(admin, event_id, verb, seat_ids, headers=None):
    answer = admin.web.request("PUT", f"/api/events/{event_id}/seats/{verb}",
                               {"seatIds": seat_ids}, headers)
    assert answer.status == 202, answer
    return answer.json()["commands"]


def outcomes(admin, commands):
    return [admin.outcome(command["bookingId"]) for command in commands]


def cancelled(admin, event_id):
    answer = admin.web.post(f"/api/events/{event_id}/cancel", {})
    assert answer.status == 202, answer
    return admin.outcome(answer.json()["bookingId"])


# --- a new event --------------------------------------------------------------------------------

def test_a_new_event_is_as_it_was_asked_for(admin, alice):
    event = post_event(
        admin, kind="sport", date="2030-06-01T19:30:00.5+02:00", currency="USD", holdTtlMs=60000,
        holdExtensionsMax=2, seatsPerUserMax=4, holdsPerUserMax=3,
        salesCloseAt="2030-06-01T17:00:00Z",
        sections=[{"name": "Stalls", "rows": 2, "seatsPerRow": 3, "priceMinor": 8900},
                  {"name": "Upper circle", "seatPrefix": "U", "rows": ["x", 7], "seatsPerRow": 2},
                  {"name": "Box", "seatsPerRow": 1, "priceMinor": 1}])
    found = seen(alice, event)
    assert (found["kind"], found["currency"], found["venue"]) == ("sport", "USD", "The hall")
    assert found["date"] == "2030-06-01T17:30:00.500Z"
    rules = {name: found[name] for name in ("hold_ttl_ms", "hold_extensions_max",
                                            "seats_per_user_max", "holds_per_user_max",
                                            "sales_open_at", "sales_close_at")}
    assert rules == {"hold_ttl_ms": 60000, "hold_extensions_max": 2, "seats_per_user_max": 4,
                     "holds_per_user_max": 3, "sales_open_at": None,
                     "sales_close_at": "2030-06-01T17:00:00.000Z"}
    rows = admin.pg_rows("SELECT seat_id, position, section, row_name, number, price_minor, status"
                         " FROM seats WHERE event_id = %s ORDER BY position", event)
    assert [row[0] for row in rows] == [
        "Stalls-A-1", "Stalls-A-2", "Stalls-A-3", "Stalls-B-1", "Stalls-B-2", "Stalls-B-3",
        "U-x-1", "U-x-2", "U-7-1", "U-7-2", "Box-1"]
    assert rows[4][1:] == (4, "Stalls", "B", 2, 8900, "available")
    assert rows[8][1:] == (8, "Upper circle", "7", 1, 0, "available")
    assert rows[10][1:] == (10, "Box", "", 1, 1, "available")


def test_limits_lowered_below_what_is_live_stop_nobody(admin, alice, bob):
    """What is held stays so; whatever is asked for then comes to an outcome."""
    event = post_event(admin, 9, seatsPerUserMax=8, holdsPerUserMax=5)
    held = alice.held(event, seats(1, 3))
    changed(admin, event, {"holdsPerUserMax": 2})
    assert alice.held(event, seats(4, 4), mode="book")["status"] == "confirmed"
    more = alice.hold(event, seats(5, 5)).json()["bookingId"]
    assert alice.outcome(more)["reason"] == "hold_limit"
    changed(admin, event, {"seatsPerUserMax": 1})
    assert alice.outcome(alice.booked_id(event, "Hall-A-5"))["reason"] == "seat_limit"
    assert alice.command(held["booking_id"], "confirm").status == 202
    assert alice.wait_status(held["booking_id"], "confirmed")
    assert bob.outcome(bob.booked_id(event, "Hall-A-6"))["status"] == "confirmed"


def test_an_event_without_an_id_gets_one_and_can_be_booked(admin, alice):
    event = post_event(admin, 2, eventId=None)
    assert event.startswith("e-")
    assert alice.held(event, ["Hall-A-1"])["total_minor"] == 2500
    assert seen(admin, event)["holds_per_user_max"] == 20, "the default, against hoarding"


def test_a_house_of_100_000_seats_is_one_event(admin):
    body = event_of(name="large", sections=[{"name": "S", "rows": 1000, "seatsPerRow": 100}])
    admin.web.post("/api/events", body, key())
    count = wait_for(
        lambda: admin.pg_value("SELECT count(*) FROM seats WHERE event_id = %s", body["eventId"]),
        60, "the seats are there")
    assert count == 100_000, "all of them at once"
    told(admin, body["eventId"], "name", body["name"])


def test_one_key_is_one_event(admin):
    body, headers = event_of(2, eventId=None), key()
    first = admin.web.post("/api/events", body, headers)
    answers = admin.each(lambda _: admin.web.post("/api/events", body, headers), range(20))
    assert {answer.status for answer in [first, *answers]} == {201}
    assert {answer.body for answer in answers} == {first.body}
    other = admin.web.post("/api/events", {**body, "name": "Another"}, headers)
    assert_named(other, 422, "Idempotency-Key")
    event_id = first.json()["eventId"]
    assert admin.pg_value("SELECT count(*) FROM audit_log WHERE event_id = %s", event_id) == 1


def test_one_key_sent_at_once_is_one_event(admin):
    body, headers = event_of(100, eventId=None), key()
    answers = admin.each(lambda _: admin.web.post("/api/events", body, headers), range(20))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.json()["eventId"] for answer in answers}) == 1


def test_another_administrators_key_is_another_event(whole_stack, admin):
    other, headers = person(whole_stack, "admin"), key()
    ids = {who.web.post("/api/events", event_of(1, eventId=None), headers).json()["eventId"]
           for who in (admin, other)}
    assert len(ids) == 2


def test_an_event_that_exists_stays_as_it_is(admin, nothing):
    known = admin.pg_value("SELECT event_id FROM events LIMIT 1")
    answer = admin.web.post("/api/events", event_of(2, eventId=known))
    assert assert_problem(answer, 409)["type"] == "/problems/event-exists"


def test_shows_of_other_systems_are_events(admin, alice):
    answer = admin.web.post("/api/shows", {"title": "A show", "total_seats": 3,
                                           "start_time": "2030-01-01T19:30:00Z"})
    assert answer.status == 201, answer
    show = answer.json()["eventId"]
    wait_for(lambda: alice.web.get(f"/api/shows/{show}").status == 200, 10, "it can be seen")
    booked = alice.web.post("/api/bookings", {"show_id": show, "seat_numbers": ["1", "3"]})
    assert booked.status == 202, booked
    assert alice.outcome(booked.json()["bookingId"])["status"] == "held"


# --- a change -----------------------------------------------------------------------------------

def test_what_is_changed_is_changed_and_nothing_else(admin):
    event = post_event(admin, 3, seatsPerUserMax=2)
    answer = changed(admin, event, {"name": "Another evening", "seatsPerUserMax": None,
                                    "salesOpenAt": "2029-01-01T00:00:00Z"})
    assert (answer["version"], answer["seatsTotal"]) == (2, 3)
    told(admin, event, "name", "Another evening")
    found = seen(admin, event)
    assert found["seats_per_user_max"] is None and found["venue"] == "The hall"
    assert found["sales_open_at"] == "2029-01-01T00:00:00.000Z"
    changed(admin, event, {"salesOpenAt": None})
    told(admin, event, "sales_open_at", None)


def test_a_changed_rule_is_kept_by_the_next_booking(admin, alice, bob):
    event = post_event(admin, 4)
    alice.held(event, ["Hall-A-1"])
    changed(admin, event, {"seatsPerUserMax": 1})
    answer = alice.hold(event, ["Hall-A-2"])
    assert alice.outcome(answer.json()["bookingId"])["reason"] == "seat_limit"
    bob.held(event, ["Hall-A-2"])
    changed(admin, event, {"salesCloseAt": "2020-01-01T00:00:00Z"})
    answer = bob.hold(event, ["Hall-A-3"])
    assert bob.outcome(answer.json()["bookingId"])["reason"] == "sales_closed"


def test_a_price_is_of_what_is_sold_from_then_on(admin, alice):
    event = post_event(admin, 3)
    before = alice.held(event, ["Hall-A-1"])
    changed(admin, event, {"prices": [{"section": "Hall", "priceMinor": 100}]})
    assert alice.held(event, ["Hall-A-2", "Hall-A-3"])["total_minor"] == 200
    assert alice.booking(before["booking_id"])["total_minor"] == 2500
    wait_for(lambda: "2500" not in str(seen(admin, event, "/layout")), 10, "the layout says so")


@pytest.mark.parametrize("changes, field", [
    ({"prices": [{"section": "Hall", "priceMinor": 1}, {"section": "Gone", "priceMinor": 1}]},
     "prices[1].section"),
    ({"salesCloseAt": "2029-01-01T00:00:00Z"}, "salesCloseAt"),
], ids=["no section", "closes before it opens"])
def test_a_change_that_does_not_go_with_the_event_changes_nothing(admin, request, changes, field):
    event = post_event(admin, 1, salesOpenAt="2029-06-01T00:00:00Z")
    request.getfixturevalue("nothing")
    assert_named(admin.web.request("PATCH", f"/api/events/{event}",
                                   {"name": "Not told", **changes}), 422, field)


@pytest.mark.parametrize("event", ["no-such-event", "a%2Fb", "%00", "..", "x" * 65])
def test_an_event_that_is_none_is_not_changed(admin, nothing, event):
    answer = admin.web.request("PATCH", f"/api/events/{event}", {"name": "x"})
    assert answer.status in (400, 404), answer


def test_a_merge_patch_is_a_change_and_a_form_is_none(admin):
    event = post_event(admin, 1)
    path, body = f"/api/events/{event}", b'{"name":"Patched"}'
    for kind, status in (("application/merge-patch+json", 200), ("text/plain", 415),
                         ("application/json-patch+json", 415)):
        answer = admin.web.request("PATCH", path, body, {"Content-Type": kind})
        assert answer.status == status, answer
    told(admin, event, "name", "Patched")


# --- seats off sale -----------------------------------------------------------------------------

def test_blocked_seats_are_not_for_sale_until_they_are_unblocked(admin, alice):
    event = post_event(admin, 25)
    alice.held(event, ["Hall-A-3"])
    commands = put(admin, event, "block", seats(1, 25))
    assert [len(command["seatIds"]) for command in commands] == [10, 10, 5]
    assert [seat for command in commands for seat in command["seatIds"]] == seats(1, 25)
    found = outcomes(admin, commands)
    assert [(b["status"], b["mode"], b["seats_lost"]) for b in found] == [
        ("done", "block", ["Hall-A-3"]), ("done", "block", []), ("done", "block", [])]
    wait_for(lambda: admin.seat_map(event)["counts"]["blocked"] == 24, 10, "24 are blocked")
    answer = alice.hold(event, ["Hall-A-4"])
    assert alice.outcome(answer.json()["bookingId"])["reason"] == "seat_blocked"

    outcomes(admin, put(admin, event, "unblock", ["Hall-A-4"]))
    alice.held(event, ["Hall-A-4"])
    assert_problem(alice.web.request("PUT", f"/api/events/{event}/seats/unblock",
                                     {"seatIds": ["Hall-A-5"]}), 403)


def test_the_same_key_is_the_same_commands(admin):
    event, headers = post_event(admin, 12), key()
    first = put(admin, event, "block", seats(1, 12), headers)
    assert put(admin, event, "block", seats(1, 12), headers) == first
    other = admin.web.request("PUT", f"/api/events/{event}/seats/block",
                              {"seatIds": seats(1, 11)}, headers)
    assert_named(other, 422, "Idempotency-Key")
    undone = admin.web.request("PUT", f"/api/events/{event}/seats/unblock",
                               {"seatIds": seats(1, 12)}, headers)
    assert_named(undone, 422, "Idempotency-Key")
    outcomes(admin, first)
    rows = admin.pg_value("SELECT count(*) FROM booking_log WHERE event_id = %s", event)
    assert rows == len(first), "each had one effect"


def test_1000_seats_of_long_names_are_one_request(admin):
    prefix = "x" * 56
    event = post_event(admin, 1000, sections=[
        {"name": "Hall", "seatPrefix": prefix, "rows": ["A"], "seatsPerRow": 1000}])
    commands = put(admin, event, "block", [f"{prefix}-A-{n}" for n in range(1, 1001)])
    assert len(commands) == 100
    wait_for(lambda: seen(admin, event)["counts"]["blocked"] == 1000, 20, "all are blocked")


def test_seats_of_no_event_are_not_blocked(admin):
    found = outcomes(admin, put(admin, "no-such-event", "block", ["A1"]))
    assert [(b["status"], b["reason"]) for b in found] == [("rejected", "event_not_found")]


# --- the end of an event ------------------------------------------------------------------------

def test_a_cancelled_event_ends_its_bookings(admin, alice, bob):
    event = post_event(admin, 4)
    held, bought = alice.held(event, ["Hall-A-1"]), bob.held(event, ["Hall-A-2"], mode="book")
    assert cancelled(admin, event)["status"] == "done"
    for person_, booking in ((alice, held), (bob, bought)):
        ended = person_.wait_status(booking["booking_id"], "cancelled")
        assert ended["reason"] == "event_cancelled"
    answer = alice.hold(event, ["Hall-A-3"])
    assert alice.outcome(answer.json()["bookingId"])["reason"] == "event_cancelled"
    assert cancelled(admin, event)["reason"] == "event_cancelled"
    answer = admin.web.request("PATCH", f"/api/events/{event}", {"name": "x"})
    assert assert_problem(answer, 409)["type"] == "/problems/event-cancelled"
    wait_for(lambda: seen(admin, event)["cancelled_at"], 10, "everybody is told")


# --- whose command it is ------------------------------------------------------------------------

def test_nobody_books_for_somebody_else(admin, alice, bob, request):
    event = post_event(admin, 1)
    request.getfixturevalue("nothing")
    for path, body in (("/api/book", {"eventId": event, "seatId": "Hall-A-1"}),
                       ("/api/bookings", {"eventId": event, "seatIds": ["Hall-A-1"]})):
        answer = alice.web.post(path, {**body, "userId": bob.user_id})
        assert assert_problem(answer, 403)["type"] == "/problems/forbidden"


def test_a_booking_is_the_callers_where_nobody_is_named(admin, alice):
    event = post_event(admin, 1)
    answer = alice.web.post("/api/book", {"eventId": event, "seatId": "Hall-A-1"})
    assert answer.status == 202, answer
    assert alice.outcome(answer.json()["bookingId"])["user_id"] == alice.user_id


@pytest.mark.parametrize("verb", ["confirm", "extend", "cancel", "delete"])
def test_anothers_booking_was_never_made(admin, alice, bob, verb):
    event = post_event(admin, 1)
    booking_id = alice.held(event, ["Hall-A-1"])["booking_id"]
    before = admin.kafka_ends(TOPIC)
    for user_id in (None, bob.user_id, alice.user_id):
        assert_problem(bob.command(booking_id, verb, user_id), 404)
    assert admin.kafka_ends(TOPIC) == before, "nothing was sent"
    assert alice.decision(booking_id, "confirm")["result"] == "done"


@pytest.mark.parametrize("verb", ["confirm", "extend", "cancel", "delete"])
def test_nobody_acts_in_anothers_name(admin, alice, bob, request, verb):
    event = post_event(admin, 1)
    booking_id = alice.held(event, ["Hall-A-1"])["booking_id"]
    request.getfixturevalue("nothing")
    assert_problem(alice.command(booking_id, verb, bob.user_id), 403)


def test_an_administrator_acts_for_the_owner_and_is_remembered(admin, alice):
    event = post_event(admin, 2)
    booking_id = alice.held(event, ["Hall-A-1"])["booking_id"]
    assert admin.decision(booking_id, "confirm")["result"] == "done"
    assert alice.booking(booking_id)["status"] == "confirmed"
    rows = admin.pg_rows("SELECT user_id, actor, command FROM booking_log WHERE booking_id = %s"
                         " ORDER BY booking_version", booking_id)
    assert rows == [(alice.user_id, alice.user_id, "hold"),
                    (alice.user_id, admin.user_id, "confirm")]


def test_an_administrators_key_uses_up_nobodys(admin, alice):
    event, headers = post_event(admin, 2), key()
    body = {"eventId": event, "seatIds": ["Hall-A-1"]}
    first = admin.web.post("/api/bookings", {**body, "userId": alice.user_id}, headers)
    second = alice.web.post("/api/bookings", {**body, "seatIds": ["Hall-A-2"]}, headers)
    assert (first.status, second.status) == (202, 202), (first, second)
    found = [alice.outcome(answer.json()["bookingId"]) for answer in (first, second)]
    assert [booking["status"] for booking in found] == ["held", "held"]
    assert {booking["user_id"] for booking in found} == {alice.user_id}


# --- exports ------------------------------------------------------------------------------------

def exported(admin, path):
    answer = admin.web.get(path)
    assert answer.status == 200, answer
    assert answer.header("Content-Type").startswith("text/csv")
    assert answer.header("Content-Disposition").startswith("attachment;")
    following = NEXT.search(answer.header("Link") or "")
    rows = list(csv.DictReader(io.StringIO(answer.body.decode(), newline="")))
    return rows, following and following[1]


def test_an_export_has_all_bookings_of_the_event_and_no_others(admin, alice):
    event, other = post_event(admin, 6), post_event(admin, 1)
    alice.held(other, ["Hall-A-1"])
    outcomes(admin, put(admin, event, "block", ["Hall-A-6"]))
    mine = [alice.held(event, ["Hall-A-1", "Hall-A-2"]), admin.held(event, ["Hall-A-3"], "-1"),
            alice.held(event, ["Hall-A-4"], mode="book")]
    alice.decision(mine[0]["booking_id"], "confirm", body={"paymentReference": '=1,"2"'})
    rows, following = exported(admin, f"/api/events/{event}/bookings.csv")
    assert following is None
    assert [row["booking_id"] for row in rows] == [b["booking_id"] for b in mine]
    assert rows[0]["user_id"] == alice.user_id and rows[1]["user_id"] == "'-1"
    assert [row["status"] for row in rows] == ["confirmed", "held", "confirmed"]
    assert rows[0]["seats"] == "Hall-A-1 Hall-A-2" and rows[0]["total_minor"] == "5000"
    assert rows[0]["payment_reference"] == "'=1,\"2\"", "no spreadsheet computes it"
    assert rows[1]["expires_at"] == mine[1]["expires_at"] and rows[2]["expires_at"] == ""


def test_an_export_goes_on_where_a_page_ended(admin):
    event = post_event(admin, 7)
    for n in range(7):
        admin.held(event, [f"Hall-A-{n + 1}"], f"u-{n}")
    path, pages = f"/api/events/{event}/bookings.csv?limit=3", []
    while path:
        rows, path = exported(admin, path)
        pages.append([row["user_id"] for row in rows])
    assert pages == [["u-0", "u-1", "u-2"], ["u-3", "u-4", "u-5"], ["u-6"]]


@pytest.mark.parametrize("query, field", [
    ("limit=0", "limit"), ("limit=100001", "limit"), ("limit=x", "limit"), ("cursor=1", "cursor"),
    ("cursor=-1.0", "cursor"), ("cursor=1.1&cursor=2.2", "cursor"), ("limit=1%00", "limit")])
def test_an_export_is_asked_for_as_it_can_be(admin, nothing, query, field):
    assert_named(admin.web.get(f"/api/events/e/bookings.csv?{query}"), 400, field)


def test_there_is_no_export_of_no_event(admin, nothing):
    assert_problem(admin.web.get("/api/events/no-such-event/bookings.csv"), 404)
