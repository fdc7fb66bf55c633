"""The whole way of a booking, with each program let in as far as it needs, and no further."""

import json

from support.people import post_event
from support.stack import DLQ, TOPIC
from support.wait import wait_for


def test_a_booking_gets_through_every_server(stack, alice):
    event = stack.create_event(3)
    booking = alice.held(event, ["S1", "S2"])
    entry = alice.decision(booking["booking_id"], "confirm", body={"paymentReference": "pay-1"})
    assert entry["status"] == "confirmed"
    assert {s["status"] for s in stack.seat_map(event)["seats"]} == {"available", "booked"}
    stack.assert_verified()


def test_kafka_is_told_what_became_of_it(stack, alice):
    mark = stack.kafka_ends("booking_events")
    booking_id = alice.booked_id(stack.create_event(1), "S1")
    alice.wait_status(booking_id, "confirmed")
    wait_for(lambda: any(booking_id in message.value().decode()
                         for message in stack.messages_since(mark, "booking_events")), 20,
             "booking_events has it")


def test_redis_remembers_keys_and_locks_seats(stack, alice):
    event = stack.create_event(3)
    first = alice.book(event, "S1", Idempotency_Key="one-wish")
    again = alice.book(event, "S1", Idempotency_Key="one-wish")
    other = alice.book(event, "S2", Idempotency_Key="one-wish")
    assert (first.status, again.status, other.status) == (202, 202, 422), (first, again, other)
    assert first.json()["bookingId"] == again.json()["bookingId"]
    alice.wait_status(first.json()["bookingId"], "confirmed")
    for name in stack.instances("worker"):
        assert stack.metric(name, "seatline_worker_lock_unavailable_total") == 0


def test_redis_counts_what_users_ask_for(stack, alice):
    programs = stack.instances("write-api") + stack.instances("read-api")
    limits = {"RATE_BOOKINGS_PER_MIN": "2", "RATE_LISTS_PER_MIN": "2"}
    with stack.changed({name: limits for name in programs}):
        event = stack.create_event(3)
        booked = [alice.book(event, f"S{n}").status for n in (1, 2, 3)]
        listed = [alice.web.get("/api/bookings").status for _ in range(3)]
        here = [stack.metric(name, "seatline_rate_limit_local_total") for name in programs]
    assert booked == [202, 202, 429]
    assert listed == [200, 200, 429]
    assert set(here) == {0}


def test_a_message_that_nobody_understands_is_a_dead_letter(stack):
    mark = stack.kafka_ends(DLQ)
    stack.produce([(0, b"e", b"{no command", [])])
    letter, = wait_for(lambda: stack.messages_since(mark, DLQ), 20, "there is a dead letter")
    assert letter.value() == b"{no command"
    assert TOPIC in json.dumps([value.decode() for _, value in letter.headers()])


def test_an_administrator_makes_changes_and_reads(stack, admin, alice):
    event = post_event(admin, seats=3)
    assert admin.web.request("PATCH", f"/api/events/{event}", {"name": "Another"}).status == 200
    alice.wait_status(alice.booked_id(event, "Hall-A-1"), "confirmed")
    assert admin.web.get(f"/api/admin/audit?eventId={event}").status == 200
    assert admin.web.get(f"/api/events/{event}/bookings.csv").status == 200
    assert admin.web.get("/api/admin/dead-letters").status == 200
    assert admin.web.post(f"/api/events/{event}/cancel", {}).status == 202


def test_who_has_an_account_logs_in(stack):
    account = {"email": "secure@example.com", "password": "correct horse battery"}
    assert stack.web.post("/api/auth/register", account).status == 201
    assert stack.web.post("/api/auth/login", account).status == 200
