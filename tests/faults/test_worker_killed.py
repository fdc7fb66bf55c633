"""A worker killed anywhere: nothing lost, nothing twice, no wait for its locks to expire."""

import signal
import time

import pytest

from support.administer import administer
from support.checks import Accepted, check_all, wait_decided, wait_none_held

LOCK_TTL_S = 30
PROMPT_S = LOCK_TTL_S / 2
SOON = {"KAFKA_SESSION_TIMEOUT_MS": "1500", "SWEEP_MS": "200"}
POINTS = ["after_take", "after_decode", "after_lock", "after_load", "after_decide", "before_commit",
          "after_commit", "after_unlock", "after_report", "after_sweep_load", "after_sweep_commit"]
LIFE = (("confirm", "confirmed"), ("extend", "held"), ("cancel", "cancelled"), (None, "held"))


@pytest.fixture(scope="module", autouse=True)
def soon(whole_stack):
    """Whatever is waited for by the clock comes sooner than by default, for all of these tests: the
    time is another's to prove, campaigns/test_workers.py and test_expiry.py."""
    whole_stack.heal()
    with whole_stack.changed(dict.fromkeys(whole_stack.instances("worker"), SOON)):
        yield
        whole_stack.heal()


def pairs(first, last):
    return [[f"S{n}", f"S{n + 1}"] for n in range(first, last, 2)]


def everything_a_worker_does(stack, accepted):
    """Stops the workers, and leaves for them commands of each kind, in several partitions, and
    holds and bookings of a cancelled event to sweep. Answers the events, and what each booking will
    be once it is settled."""
    lasting = stack.create_events(2, 24, hold_ttl_ms=600_000)
    lapsing = stack.create_events(2, 8, hold_ttl_ms=100)
    doomed = stack.create_events(1, 10, hold_ttl_ms=600_000)
    hold = lambda event, seats, user, mode="hold": accepted.booking(
        stack.hold(event, seats, user, mode))
    held = {event: [hold(event, seats, "anna") for seats in pairs(1, 16)] for event in lasting}
    lapsed = {event: [hold(event, seats, "anna") for seats in pairs(1, 8)] for event in lapsing}
    ending = [hold(doomed[0], seats, "anna", mode)
              for seats, mode in zip(pairs(1, 8), ("hold", "book") * 2)]
    stack.wait_settled(accepted.bookings, PROMPT_S)
    stack.stop(stack.instances("worker"))

    expected = {booking_id: "expired" for ids in lapsed.values() for booking_id in ids}
    for booking_id in expected:
        stack.wait_lapsed(booking_id)
    for event, ids in held.items():
        for booking_id, (verb, status) in zip(ids, LIFE * 2):
            if verb:
                accepted.command(stack.command(booking_id, verb, "anna"))
            expected[booking_id] = status
        # Seats that were given back, that nobody had, and that someone has.
        expected[hold(event, ["S5", "S6"], "ben")] = "held"
        expected[hold(event, ["S13", "S17"], "ben", "book")] = "confirmed"
        expected[hold(event, ["S17", "S18"], "ben")] = "rejected"
        expected[hold(event, ["S1", "S19"], "ben", "book")] = "rejected"
    for event, ids in lapsed.items():
        accepted.command(stack.command(ids[0], "confirm", "anna"))
        expected[hold(event, ["S4", "S5"], "ben", "book")] = "confirmed"
        expected[hold(event, ["S1", "S2"], "ben")] = "expired"
    command = lambda kind, *seats: administer(stack, kind, doomed[0], *seats)
    for kind, seats, status in (("block", [["S1", "S9"]], "done"),
                                ("unblock", [["S10"]], "rejected"), ("cancel_event", [], "done")):
        expected[command(kind, *seats)] = status
    accepted.bookings.update(expected)
    expected |= dict.fromkeys(ending, "cancelled")
    return lasting + lapsing + doomed, expected


@pytest.mark.parametrize("point", POINTS)
def test_a_worker_killed_at_each_step_loses_nothing_and_does_nothing_twice(stack, point):
    accepted = Accepted()
    events, expected = everything_a_worker_does(stack, accepted)

    worker = stack["worker-0"]
    worker.start(FAULT_POINT=f"worker_{point}")
    assert worker.wait_end(20) == -signal.SIGKILL
    worker.start()
    restarted = time.monotonic()
    wait_decided(stack, accepted, PROMPT_S)

    # A seat whose lock may still lie in Redis is decided as fast as any other.
    for event in events[:4]:
        booking_id = accepted.booking(stack.hold(event, ["S5"], "carl"))
        expected[booking_id] = "rejected"
    wait_decided(stack, accepted, PROMPT_S - (time.monotonic() - restarted))
    wait_none_held(stack, events[2:], PROMPT_S)
    for booking_id, status in expected.items():
        if status == "cancelled":
            stack.wait_status(booking_id, status, PROMPT_S)
    replay = check_all(stack, events, accepted)
    assert {b: rows[-1].status for b, rows in replay.bookings.items()} == expected
