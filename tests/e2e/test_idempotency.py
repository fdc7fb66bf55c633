"""One idempotency key, one effect."""

import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.wait import wait_for
from support.web import Client


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


# --- several seats ----------------------------------------------------------------------------

def test_five_times_the_same_hold_at_once_is_one_booking(stack):
    event, key = stack.create_event(4), new_key()
    answers = stack.each(
        lambda _: stack.hold(event, ["S1", "S3"], "anna", Idempotency_Key=key), range(5), threads=5)
    assert [a.status for a in answers] == [202] * 5
    assert len({a.body for a in answers}) == 1, "the same answer each time"
    booking_id = answers[0].json()["bookingId"]
    assert stack.outcome(booking_id)["status"] == "held"
    stack.held(event, ["S2"])  # whatever came before it on this partition is done
    assert [row[1] for row in stack.history(event)].count(booking_id) == 1
    assert stack.seat_map(event)["version"] == 3


@pytest.mark.parametrize("change", [
    {"seatIds": ["S1"]}, {"seatIds": ["S1", "S3"]}, {"mode": "book"}, {"eventId": "other"},
    {"path": "/api/book", "seatId": "S1"},
], ids=["fewer seats", "another seat", "another mode", "another event", "another call"])
def test_the_same_key_with_another_wish_is_refused(stack, change):
    event, key = stack.create_event(3), new_key()
    body = {"userId": "anna", "eventId": event, "seatIds": ["S1", "S2"]}
    first = stack.web.post("/api/bookings", body, {"Idempotency-Key": key})
    assert first.status == 202, first
    change = dict(change)
    path = change.pop("path", "/api/bookings")
    mark = stack.kafka_ends()
    refused(stack.web.post(path, {**body, **change}, {"Idempotency-Key": key}))
    assert stack.kafka_ends() == mark
    found = stack.outcome(first.json()["bookingId"])
    assert (found["status"], found["seats"]) == ("held", ["S1", "S2"])


def forget(stack):
    """All that write-api remembers about keys is gone."""
    redis = stack.redis()
    assert redis.dbsize() > 0
    redis.flushall()


def test_when_redis_has_forgotten_the_key_it_still_is_one_booking(stack):
    event, key = stack.create_event(2), new_key()
    first = stack.held(event, ["S1"], "anna", Idempotency_Key=key)
    forget(stack)
    again = stack.hold(event, ["S1"], "anna", Idempotency_Key=key)
    assert again.status == 202 and again.json()["bookingId"] == first["booking_id"]
    forget(stack)
    other = stack.hold(event, ["S2"], "anna", Idempotency_Key=key)
    assert other.json()["bookingId"] == first["booking_id"], "nobody can know any more"
    stack.outcome(stack.booked_id(event, "no-such-seat"))
    found = stack.booking(first["booking_id"])
    assert (found["status"], found["seats"], found["version"]) == ("held", ["S1"], 1)
    assert stack.seat(event, "S2")["status"] == "available"


def test_when_redis_has_forgotten_the_key_another_event_gets_no_second_effect(stack):
    (event, other), key = stack.create_events(2, 2), new_key()
    first = stack.held(event, ["S1"], "anna", Idempotency_Key=key)
    forget(stack)
    answer = stack.hold(other, ["S1"], "anna", Idempotency_Key=key, Prefer="wait=10")
    assert answer.status == 422, answer
    assert answer.json()["reason"] == "idempotency_key_reused"
    second = stack.booking(answer.json()["bookingId"])
    assert second["booking_id"] != first["booking_id"]
    assert (second["status"], second["reason"]) == ("rejected", "idempotency_key_reused")
    assert stack.seat_map(other)["version"] == 0
    assert stack.booking(first["booking_id"])["status"] == "held"

    forget(stack)
    free = stack.hold(other, ["S1"], "ben", Idempotency_Key=key)
    assert stack.outcome(free.json()["bookingId"])["status"] == "held", "another user's key"


def test_a_key_is_spent_whatever_came_of_it(stack):
    (event, other), key = stack.create_events(2, 1), new_key()
    lost = stack.outcome(
        stack.hold(event, ["S9"], "anna", Idempotency_Key=key).json()["bookingId"])
    assert lost["reason"] == "seat_not_found"
    forget(stack)
    again = stack.hold(other, ["S1"], "anna", Idempotency_Key=key)
    assert stack.outcome(again.json()["bookingId"])["reason"] == "idempotency_key_reused"


# --- commands ---------------------------------------------------------------------------------

@pytest.mark.parametrize("verb", ["confirm", "extend", "cancel", "delete"])
def test_five_times_the_same_command_at_once_is_one(stack, verb):
    event, key = stack.create_event(1), new_key()
    booking_id = stack.held(event, ["S1"], "anna")["booking_id"]
    answers = stack.each(lambda _: stack.command(booking_id, verb, "anna", Idempotency_Key=key),
                         range(5), threads=5)
    assert [a.status for a in answers] == [202] * 5
    assert len({a.body for a in answers}) == 1, "the same answer each time"
    entry = stack.decided(booking_id, answers[0].json()["commandId"])
    assert entry["result"] == "done"
    stack.outcome(stack.booked_id(event, "no-such-seat"))
    assert stack.booking(booking_id)["version"] == 2


def test_the_same_command_later_says_what_came_of_the_first(stack):
    event, key = stack.create_event(1), new_key()
    booking_id = stack.held(event, ["S1"], "anna")["booking_id"]
    headers = {"Idempotency_Key": key, "Prefer": "wait=10"}
    assert stack.command(booking_id, "extend", "anna", **headers).status == 200
    stack.decision(booking_id, "cancel")
    forget(stack)
    again = stack.command(booking_id, "extend", "anna", **headers)
    assert again.status == 200, "it was done, once"
    assert (again.json()["status"], again.json()["extensions"]) == ("cancelled", 1)
    assert again.json()["version"] == 3


def test_without_a_key_each_command_is_one_of_its_own(stack):
    event = stack.create_event(1)
    booking_id = stack.held(event, ["S1"], "anna")["booking_id"]
    results = [stack.decision(booking_id, "extend")["result"] for _ in range(2)]
    assert results == ["done", "refused"]


@pytest.mark.parametrize("verb, body", [
    ("extend", None), ("cancel", None), ("delete", None), ("confirm", None),
    ("confirm", {"paymentReference": "p2"})])
def test_the_same_key_for_another_command_is_refused(stack, verb, body):
    event, key = stack.create_event(1), new_key()
    booking_id = stack.held(event, ["S1"], "anna")["booking_id"]
    first = stack.command(booking_id, "confirm", "anna", {"paymentReference": "p1"},
                          Idempotency_Key=key)
    assert first.status == 202, first
    refused(stack.command(booking_id, verb, "anna", body, Idempotency_Key=key))
    stack.decided(booking_id, first.json()["commandId"])

    forget(stack)  # then nobody can tell, but it has no second effect
    again = stack.command(booking_id, verb, "anna", body, Idempotency_Key=key)
    assert again.status == 202 and again.json()["commandId"] == first.json()["commandId"]
    stack.outcome(stack.booked_id(event, "no-such-seat"))
    found = stack.booking(booking_id)
    assert (found["status"], found["version"], found["payment_reference"]) == ("confirmed", 2, "p1")


def test_nobody_uses_up_the_key_of_an_owner(stack):
    event, key = stack.create_event(1), new_key()
    booking_id = stack.held(event, ["S1"], "anna")["booking_id"]
    entry = stack.decision(booking_id, "confirm", "mallory", Idempotency_Key=key)
    assert (entry["result"], entry["reason"]) == ("refused", "not_owner")
    forget(stack)
    entry = stack.decision(booking_id, "confirm", "anna", Idempotency_Key=key)
    assert (entry["result"], entry["status"]) == ("done", "confirmed")


def test_one_key_may_be_used_for_each_of_two_bookings(stack):
    event, key = stack.create_event(2), new_key()
    ids = [stack.held(event, [seat], "anna")["booking_id"] for seat in ("S1", "S2")]
    answers = [stack.command(b, "confirm", "anna", Idempotency_Key=key) for b in ids]
    assert [a.status for a in answers] == [202, 202]
    assert len({a.json()["commandId"] for a in answers}) == 2
    for booking_id in ids:
        stack.wait_status(booking_id, "confirmed")


# --- the gateway's second attempts ---------------------------------------------------------------

def sent_twice(stack, method, path, body):
    """As the gateway does when the first write-api went before it answered: the same request,
    by its name, to both. The answers, and what Kafka has of it."""
    mark = stack.kafka_ends()
    name = f"{time.time_ns() // 10**6}-{uuid.uuid4().hex}"
    answers = [Client(stack.base + port).request(method, path, body, {"Seatline-Request": name})
               for port in (100, 101)]
    assert [a.status for a in answers] == [202, 202]
    assert answers[0].body == answers[1].body
    body = answers[0].json()
    found = [json.loads(m.value()) for m in stack.messages_since(mark)]
    found = [m for m in found if m["bookingId"] == body["bookingId"]]
    assert len(found) == 2, "the first had been stored"
    assert found[0].get("commandId") == found[1].get("commandId") == body.get("commandId")
    return body


def test_a_booking_that_the_gateway_sends_twice_is_one(stack):
    event = stack.create_event(2)
    body = sent_twice(stack, "POST", "/api/bookings",
                      {"userId": "anna", "eventId": event, "seatIds": ["S1", "S2"]})
    stack.outcome(stack.booked_id(event, "no-such-seat"))
    found = stack.booking(body["bookingId"])
    assert (found["status"], found["version"]) == ("held", 1)


@pytest.mark.parametrize("method, suffix", [
    ("PUT", "/confirm"), ("PUT", "/extend"), ("PUT", "/cancel"), ("DELETE", "")])
def test_a_command_that_the_gateway_sends_twice_is_one(stack, method, suffix):
    event = stack.create_event(1)
    booking_id = stack.held(event, ["S1"])["booking_id"]
    body = sent_twice(stack, method, f"/api/bookings/{booking_id}{suffix}", {})
    assert stack.decided(booking_id, body["commandId"])["result"] == "done"
    stack.outcome(stack.booked_id(event, "no-such-seat"))
    assert stack.booking(booking_id)["version"] == 2


def test_a_command_outlives_the_write_api_that_had_it(stack):
    event = stack.create_event(30)
    ids = [stack.held(event, [f"S{n}"])["booking_id"] for n in range(1, 31)]
    first = stack["write-api-0"]
    first.pause()
    with ThreadPoolExecutor(len(ids)) as pool:
        sent = [pool.submit(stack.command, booking_id, ("confirm", "extend", "delete")[n % 3])
                for n, booking_id in enumerate(ids)]
        try:
            wait_for(lambda: any(s.done() for s in sent), 10, "the other one answers")
        finally:
            first.kill()
        answers = [s.result(30) for s in sent]
    first.start()
    wait_for(lambda: stack.is_ready(first.name), 20, f"{first.name} is ready")
    assert {a.status for a in answers} == {202}
    for booking_id, answer in zip(ids, answers):
        assert stack.decided(booking_id, answer.json()["commandId"])["result"] == "done"
        assert stack.booking(booking_id)["version"] == 2


def test_without_a_key_each_request_is_a_booking_of_its_own(stack):
    event = stack.create_event(1)
    ids = [stack.booked_id(event, "S1", "anna") for _ in range(2)]
    assert len(set(ids)) == 2
    assert sorted(stack.outcome(b)["status"] for b in ids) == ["confirmed", "rejected"]
