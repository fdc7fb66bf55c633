"""Redis spares contention and carries nothing: without it bookings go on, and correctly."""

import threading

import pytest

from support.load import Load
from support.wait import wait_for


def rush(stack, event, seats, requests):
    ids = stack.each(lambda n: stack.booked_id(event, f"S{n % seats + 1}", f"u{n}"),
                     range(requests))
    stack.wait_settled(ids, 15)
    stack.assert_sound(event, ids)
    assert len(stack.pg_rows(
        "SELECT 1 FROM seats WHERE event_id = %s AND status = 'booked'", event)) == seats
    return ids


@pytest.mark.parametrize("how", ["stopped", "hanging"])
def test_without_redis_bookings_go_on(stack, how):
    event, before = stack.create_event(50), without_locks(stack)
    redis = stack["redis"]
    redis.kill() if how == "stopped" else redis.pause()
    rush(stack, event, 50, 300)
    assert without_locks(stack) > before
    key = f"key-{event}"
    same = {stack.booked_id(event, "S1", "anna", Idempotency_Key=key) for _ in range(3)}
    assert len(same) == 1, "a key is known without Redis"
    assert stack.web.get("/healthz").status == 200
    if how == "stopped":
        stack.start_server("redis")
    else:
        redis.resume()
    other = stack.create_event(50)
    rush(stack, other, 50, 300)

    def locks_are_used():
        before = without_locks(stack)
        stack.wait_settled([stack.booked_id(other, "S1")], 5)
        return without_locks(stack) == before

    wait_for(locks_are_used, 10, "the workers use Redis again")
    stack.assert_verified()


def without_locks(stack):
    """Batches that went on without Redis."""
    return sum(stack.metric(name, "seatline_worker_lock_unavailable_total")
               for name in stack.instances("worker"))


def test_redis_flushed_over_and_over_changes_nothing(stack):
    events = stack.create_events(4, 60)
    flushes, done = 0, threading.Event()
    with Load(stack, events, 60) as load:
        redis = stack.redis()
        while len(load.accepted) < 600:
            redis.flushall()
            flushes += 1
            assert not done.wait(0.005)
            assert flushes < 10_000
    assert flushes > 10
    assert load.trouble == []
    stack.wait_settled(load.accepted, 20)
    for event in events:
        stack.assert_sound(event, [b for b, (e, _) in load.accepted.items() if e == event])
    stack.assert_verified()
