"""PostgreSQL away: accepted requests wait for it, and none is lost."""

import signal

from support.load import Load
from support.stack import DLQ
from support.wait import wait_for

LOCK_TTL_S = 30


def test_requests_accepted_while_postgresql_is_down_all_reach_their_outcome(stack):
    event, dead_letters = stack.create_event(60), stack.kafka_ends(DLQ)
    stack["postgresql"].stop(number=signal.SIGQUIT)  # "immediate": no goodbye to anybody
    ids = stack.each(lambda n: stack.booked_id(event, f"S{n % 60 + 1}", f"u{n}"), range(100))
    assert {stack.booking(booking_id)["status"] for booking_id in ids} == {"pending"}
    assert stack.web.get("/healthz").status == 200, "bookings are accepted and maps read"

    stack.start_server("postgresql")
    ledger = stack.wait_settled(ids, LOCK_TTL_S / 2)
    assert sorted(row[0] for row in ledger.values()) == ["confirmed"] * 60 + ["rejected"] * 40
    stack.assert_sound(event, ids)
    assert stack.kafka_ends(DLQ) == dead_letters
    stack.assert_verified()


def test_postgresql_going_away_in_the_middle_of_batches_loses_and_doubles_nothing(stack):
    events, dead_letters = stack.create_events(4, 80), stack.kafka_ends(DLQ)
    with Load(stack, events, 80) as load:
        for _ in range(2):
            before = len(load.accepted)
            wait_for(lambda: load.settled() >= before, 10, "the load is being booked")
            stack["postgresql"].stop(number=signal.SIGQUIT)
            down = len(load.accepted)
            wait_for(lambda: len(load.accepted) >= down + 100, 10, "requests are still accepted")
            stack.start_server("postgresql")
    assert load.trouble == []
    stack.wait_settled(load.accepted, LOCK_TTL_S / 2)
    for event in events:
        stack.assert_sound(event, [b for b, (e, _) in load.accepted.items() if e == event])
    assert stack.kafka_ends(DLQ) == dead_letters
    stack.assert_verified()
