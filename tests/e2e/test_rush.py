"""Many people, few seats, several workers."""

import json
import random
from collections import Counter

import pytest

SEATS, USERS, REQUESTS = 500, 2_000, 10_000
SAMPLE = 1_000


@pytest.fixture(scope="module")
def rush(whole_stack):
    """10,000 requests of 2,000 users for 500 seats through the gateway, all of them settled."""
    stack = whole_stack
    event = stack.create_event(SEATS, "rush")
    mark = stack.kafka_ends()
    choice = random.Random(7)
    wishes = [(f"user{n % USERS}", f"S{choice.randint(1, SEATS)}") for n in range(REQUESTS)]
    choice.shuffle(wishes)
    answers = stack.each(lambda wish: stack.book(event, wish[1], wish[0]), wishes)
    assert Counter(answer.status for answer in answers) == {202: REQUESTS}
    ids = [answer.json()["bookingId"] for answer in answers]
    stack.wait_settled(ids, within=60)
    return event, ids, wishes, mark


def test_each_seat_is_sold_exactly_once(stack, rush):
    event, ids, _, _ = rush
    assert len(set(ids)) == REQUESTS
    stack.assert_sound(event, ids)
    statuses = Counter(row[0] for row in stack.ledger(ids).values())
    assert statuses == {"confirmed": SEATS, "rejected": REQUESTS - SEATS}


def test_every_202_has_exactly_one_outcome_that_its_caller_can_read(stack, rush):
    event, ids, wishes, _ = rush
    ledger, documents = stack.ledger(ids), stack.wait_readable(ids)
    for booking_id, (user, seat) in zip(ids, wishes):
        status, reason, lost = ledger[booking_id]
        document = documents[booking_id]
        assert (document["status"], document["reason"]) == (status, reason)
        assert (document["user_id"], document["seats"]) == (user, [seat])
        assert (reason, lost) == ((None, []) if status == "confirmed" else ("seat_taken", [seat]))
    sample = random.Random(11).sample(list(zip(ids, wishes)), SAMPLE)
    found = stack.each(stack.booking, [booking_id for booking_id, _ in sample])
    for booking, (booking_id, (user, seat)) in zip(found, sample):
        assert booking["booking_id"] == booking_id
        assert (booking["status"], booking["reason"]) == ledger[booking_id][:2]
        assert (booking["user_id"], booking["seats"]) == (user, [seat])


def test_the_first_request_in_kafkas_order_has_the_seat(stack, rush):
    event, ids, _, mark = rush
    first, issued = {}, set(ids)
    messages = [m for m in stack.messages_since(mark) if m.key() == event.encode()]
    assert len(messages) == REQUESTS
    assert len({m.partition() for m in messages}) == 1
    for message in messages:
        command = json.loads(message.value())
        assert command["bookingId"] in issued
        first.setdefault(command["seatIds"][0], command["bookingId"])
    owners = dict(stack.pg_rows(
        "SELECT seat_id, booking_id::text FROM seats WHERE event_id = %s", event))
    assert len(first) == SEATS
    assert owners == first


def test_the_read_model_equals_the_write_model_at_rest(stack, rush):
    event, _, _, _ = rush
    stack.assert_verified()
    seats = {s["seat_id"]: (s["status"], s["user_id"]) for s in stack.seat_map(event)["seats"]}
    assert seats == {seat: (status, user) for seat, status, user in stack.pg_rows(
        "SELECT seat_id, status, user_id FROM seats WHERE event_id = %s", event)}


def test_both_workers_took_part(stack):
    """Many events at once are many partitions, and the partitions belong to both workers."""
    before = [stack.metric(name, "seatline_worker_batch_messages_count")
              for name in stack.instances("worker")]
    events = stack.create_events(24, 2, "spread")
    ids = stack.each(lambda event: stack.booked_id(event, "S1"), events)
    stack.wait_settled(ids, within=20)
    after = [stack.metric(name, "seatline_worker_batch_messages_count")
             for name in stack.instances("worker")]
    assert all(now > then for now, then in zip(after, before)), (before, after)
