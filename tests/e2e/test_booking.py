"""The three calls existing clients make, to the letter, and what becomes of a booking."""

import re
import time
from datetime import datetime

import pytest

from support.stack import MESSAGE, NOT_KEPT
from support.wait import wait_for

BOOKING_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def test_a_request_is_answered_202_to_the_letter(stack):
    event = stack.create_event(3)
    answer = stack.book(event, "S1", "anna")

    assert answer.status == 202, answer
    assert answer.header("Content-Type").startswith("application/json")
    body = answer.json()
    assert body["message"] == MESSAGE == "Booking request received and is being processed."
    assert BOOKING_ID.fullmatch(body["bookingId"])
    assert body["status"] == "pending"
    own = f"/api/bookings/{body['bookingId']}"
    assert answer.header("Location") == own
    assert answer.header("Retry-After") == "1"
    assert own in str(body["links"]) and f"/api/events/{event}" in str(body["links"])
    for path in (own, f"/api/events/{event}"):
        assert stack.web.get(path).status == 200


def test_the_list_has_the_events_without_their_seats(stack):
    event = stack.create_event(3)
    wait_for(lambda: event in [e["event_id"] for e in all_events(stack)], 5, "the event is listed")
    listed = next(e for e in all_events(stack) if e["event_id"] == event)

    assert {"_id", "event_id", "date", "name"} <= set(listed)
    assert listed["_id"] == event and listed["name"] == f"Test {event}"
    assert listed["date"] == "2030-01-01T00:00:00.000Z"
    assert listed["counts"] == {"available": 3, "held": 0, "booked": 0, "blocked": 0}
    for each in all_events(stack):
        assert "seats" not in each


def all_events(stack):
    """Every page of the list; it is an array, as existing clients expect."""
    events, path = [], "/api/events?limit=100"
    while path:
        answer = stack.web.get(path, NOT_KEPT)
        assert answer.status == 200, answer
        assert isinstance(answer.json(), list)
        events += answer.json()
        link = answer.header("Link")
        path = re.match(r'<([^>]+)>; *rel="next"', link).group(1) if link else None
    return events


def test_the_map_has_each_seat_with_its_status_and_holder(stack):
    event = stack.create_event(3)
    stack.outcome(stack.booked_id(event, "S2", "anna"))
    wait_for(lambda: stack.seat(event, "S2")["status"] == "booked", 2, "the map shows it")
    found = stack.seat_map(event)

    assert {"_id", "event_id", "date", "name", "seats", "version", "counts"} <= set(found)
    assert found["_id"] == found["event_id"] == event
    assert [{name: seat[name] for name in ("seat_id", "status", "user_id")}
            for seat in found["seats"]] == [
        {"seat_id": "S1", "status": "available", "user_id": None},
        {"seat_id": "S2", "status": "booked", "user_id": "anna"},
        {"seat_id": "S3", "status": "available", "user_id": None},
    ]
    assert found["counts"] == {"available": 2, "held": 0, "booked": 1, "blocked": 0}
    assert found["version"] == 1


def test_the_seeded_events_are_there(stack):
    assert {"concert123", "sports_event456", "arena", "1", "doctor-friday"} <= {
        e["event_id"] for e in all_events(stack)}
    for event in ("concert123", "1"):
        seats = {s["seat_id"] for s in stack.seat_map(event)["seats"]}
        assert seats == {f"{row}{n}" for row in "ABCDEFGHIJ" for n in range(1, 11)}
    assert len(stack.seat_map("arena")["seats"]) == 10_000


def test_the_seeded_surgery_gives_one_slot_to_a_patient_for_20_s(stack):
    user = stack.user()
    free = next(s["seat_id"] for s in stack.seat_map("doctor-friday")["seats"]
                if s["status"] == "available")
    held = stack.held("doctor-friday", [free], user)
    ends, began = (datetime.fromisoformat(held[name].replace("Z", "+00:00"))
                   for name in ("expires_at", "decided_at"))
    assert (ends - began).total_seconds() == 20
    refused = stack.hold("doctor-friday", ["11:40"], user)
    assert stack.outcome(refused.json()["bookingId"])["reason"] == "seat_limit"
    stack.decision(held["booking_id"], "cancel")


def test_a_booked_seat_is_seen_within_a_second_at_rest(stack):
    event = stack.create_event(20)
    stack.outcome(stack.booked_id(event, "S20"))
    for n in range(1, 11):
        sent = time.monotonic()
        stack.booked_id(event, f"S{n}")
        answered = time.monotonic()
        wait_for(lambda: stack.seat(event, f"S{n}")["status"] == "booked", 1, f"S{n} is booked")
        assert time.monotonic() - sent <= 1, f"answered after {answered - sent:.3f} s"


def test_a_confirmed_booking_can_be_read(stack):
    event = stack.create_event(1)
    booking_id = stack.booked_id(event, "S1", "anna")
    found = stack.outcome(booking_id)

    assert found["booking_id"] == booking_id
    assert found["status"] == "confirmed"
    assert found["event_id"] == event and found["user_id"] == "anna"
    assert found["seats"] == ["S1"] and found["seats_lost"] == [] and found["reason"] is None
    assert TIME.fullmatch(found["requested_at"]) and TIME.fullmatch(found["decided_at"])
    assert found["version"] == 1


def test_a_booking_can_be_read_from_the_moment_the_202_leaves(stack):
    event = stack.create_event(50)
    for n in range(1, 51):
        booking_id = stack.booked_id(event, f"S{n}")
        found = stack.booking(booking_id)  # asserts the 200
        assert found["booking_id"] == booking_id
        assert found["status"] in ("pending", "confirmed")


def test_of_two_people_who_want_one_seat_one_gets_it_and_the_other_learns_why(stack):
    event = stack.create_event(2)
    ids = stack.each(lambda user: stack.booked_id(event, "S1", user), ["anna", "ben"], threads=2)
    found = [stack.outcome(booking_id) for booking_id in ids]
    confirmed = [b for b in found if b["status"] == "confirmed"]
    rejected = [b for b in found if b["status"] == "rejected"]

    assert len(confirmed) == len(rejected) == 1
    assert rejected[0]["reason"] == "seat_taken"
    assert rejected[0]["seats_lost"] == ["S1"]
    assert confirmed[0]["reason"] is None and confirmed[0]["seats_lost"] == []
    wait_for(lambda: stack.seat(event, "S1")["user_id"] == confirmed[0]["user_id"], 2, "the map")
    assert stack.seat_map(event)["counts"]["booked"] == 1
    stack.assert_sound(event, ids)


@pytest.mark.parametrize("seat, reason", [("S2", "seat_not_found"), ("s1", "seat_not_found")])
def test_a_seat_that_does_not_exist_ends_as_a_rejection(stack, seat, reason):
    event = stack.create_event(1)
    found = stack.outcome(stack.booked_id(event, seat))

    assert (found["status"], found["reason"], found["seats_lost"]) == ("rejected", reason, [seat])
    assert stack.seat_map(event)["version"] == 0


def test_an_event_that_does_not_exist_ends_as_a_rejection(stack):
    found = stack.outcome(stack.booked_id("no-such-event", "S1"))

    assert (found["status"], found["reason"]) == ("rejected", "event_not_found")
    assert stack.web.get("/api/events/no-such-event").status == 404


def test_a_blocked_seat_ends_as_a_rejection(stack):
    event = stack.create_event(2, blocked=1)
    assert stack.seat(event, "S1")["status"] == "blocked"
    found = stack.outcome(stack.booked_id(event, "S1"))

    assert (found["status"], found["reason"]) == ("rejected", "seat_blocked")
    assert found["seats_lost"] == ["S1"]


def test_integers_are_ids_and_mean_their_decimal_text(stack):
    event = stack.create_event(1)
    body = {"userId": 42, "eventId": event, "seatId": "S1"}
    answer = stack.web.post("/api/book", body)
    assert answer.status == 202, answer
    assert stack.outcome(answer.json()["bookingId"])["user_id"] == "42"

    numbers = stack.web.post("/api/book", {"userId": 1, "eventId": 987654321, "seatId": 7})
    assert numbers.status == 202, numbers
    found = stack.outcome(numbers.json()["bookingId"])
    assert (found["event_id"], found["seats"]) == ("987654321", ["7"])


def test_the_longest_and_oddest_ids_are_accepted(stack):
    longest = "A1-_." + "x" * 59
    assert len(longest) == 64
    answer = stack.web.post(
        "/api/book", {"userId": longest, "eventId": longest, "seatId": "A:" + "9" * 62})
    assert answer.status == 202, answer
    found = stack.outcome(answer.json()["bookingId"])
    assert (found["user_id"], found["event_id"]) == (longest, longest)
