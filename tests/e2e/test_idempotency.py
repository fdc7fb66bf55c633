"""One idempotency key, one effect."""

import uuid

from support.wait import wait_for


def new_key():
    return f"key-{uuid.uuid4()}"


def test_the_same_key_and_body_at_the_same_time_is_one_booking(stack):
    event, key = stack.create_event(2), new_key()
    answers = stack.each(
        lambda _: stack.book(event, "S1", "anna", Idempotency_Key=key), range(5), threads=5)

    assert [a.status for a in answers] == [202] * 5
    ids = {a.json()["bookingId"] for a in answers}
    assert len(ids) == 1
    assert len({a.body for a in answers}) == 1, "the same answer each time"
    booking_id = ids.pop()
    assert stack.outcome(booking_id)["status"] == "confirmed"
    stack.outcome(stack.booked_id(event, "S2"))  # whatever came before it on this partition is done
    assert [row[1] for row in stack.history(event)].count(booking_id) == 1
    assert stack.seat_map(event)["version"] == 2


def test_the_same_key_later_is_still_the_same_booking(stack):
    event, key = stack.create_event(1), new_key()
    first = stack.booked_id(event, "S1", "anna", Idempotency_Key=key)
    assert stack.outcome(first)["status"] == "confirmed"
    assert stack.booked_id(event, "S1", "anna", Idempotency_Key=key) == first
    assert stack.booking(first)["status"] == "confirmed"


def test_the_same_key_of_another_user_is_another_booking(stack):
    event, key = stack.create_event(2), new_key()
    first = stack.booked_id(event, "S1", "anna", Idempotency_Key=key)
    second = stack.booked_id(event, "S2", "ben", Idempotency_Key=key)
    assert first != second
    assert {stack.outcome(b)["status"] for b in (first, second)} == {"confirmed"}


def refused(answer):
    assert answer.status == 422, answer
    assert answer.header("Content-Type") == "application/problem+json"
    assert "key" in answer.json()["detail"].lower()


def test_the_same_key_with_another_body_is_refused(stack):
    event, key = stack.create_event(2), new_key()
    first = stack.booked_id(event, "S1", "anna", Idempotency_Key=key)
    refused(stack.book(event, "S2", "anna", Idempotency_Key=key))
    assert stack.outcome(first)["status"] == "confirmed"
    stack.outcome(stack.booked_id("no-such-event", "S1"))
    assert stack.seat(event, "S2")["status"] == "available"


def test_the_same_key_for_another_event_is_refused(stack):
    (event, other), key = stack.create_events(2, 1), new_key()
    first = stack.booked_id(event, "S1", "anna", Idempotency_Key=key)
    refused(stack.book(other, "S1", "anna", Idempotency_Key=key))
    assert stack.outcome(first)["status"] == "confirmed"
    wait_for(lambda: stack.seat(event, "S1")["status"] == "booked", 2, "the map shows the first")
    assert stack.seat(other, "S1")["status"] == "available"


def test_without_a_key_each_request_is_a_booking_of_its_own(stack):
    event = stack.create_event(1)
    ids = [stack.booked_id(event, "S1", "anna") for _ in range(2)]
    assert len(set(ids)) == 2
    assert sorted(stack.outcome(b)["status"] for b in ids) == ["confirmed", "rejected"]
