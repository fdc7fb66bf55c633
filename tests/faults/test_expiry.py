"""Holds that run out: by PostgreSQL's clock, whoever sweeps, whatever is down meanwhile."""

import signal
from datetime import datetime, timezone

import pytest

from support.checks import Accepted, check_all, wait_decided, wait_none_held
from support.live import EventSource
from support.wait import wait_for

TTL_MS = 400
LONG_TTL_MS = 60_000
OUTAGE_TTL_MS = 8_000  # long enough for a busy machine to make them and to stop PostgreSQL
SWEPT_S = 5  # the sweep's second, the projection, and a busy machine
BACK_S = 15


def seat_statuses(stack, event):
    return {seat["seat_id"]: seat["status"] for seat in stack.seat_map(event)["seats"]}


@pytest.fixture
def unswept(stack):
    """Workers that never look for holds that have run out by themselves."""
    with stack.changed(dict.fromkeys(stack.instances("worker"), {"SWEEP_MS": "0"})):
        yield stack


def lapsed(stack, event, seats, user):
    booking_id = stack.held(event, seats, user)["booking_id"]
    stack.wait_lapsed(booking_id)
    return booking_id


def test_without_a_sweeper_a_lapsed_hold_blocks_nobody(unswept):
    stack = unswept
    events = stack.create_events(4, 12, hold_ttl_ms=TTL_MS)
    for event in events:
        old = lapsed(stack, event, ["S1", "S2", "S3"], "anna")
        assert stack.booking(old)["status"] == "held", "nobody has noticed"
        assert seat_statuses(stack, event)["S1"] == "held"
        for mode, status, seats, freed in (
                ("book", "confirmed", ["S2", "S4"], ["S1", "S3"]),
                ("hold", "held", ["S1"], ["S3"])):
            answer = stack.hold(event, seats, "ben", mode, Prefer="wait=10")
            assert answer.status == 201, answer
            assert answer.json()["status"] == status
            wait_for(lambda: stack.booking(old)["status"] == "expired", SWEPT_S, "it reads expired")
            shown = seat_statuses(stack, event)
            assert {shown[seat] for seat in freed} == {"available"}, shown
        found = stack.booking(old)
        assert (found["reason"], found["version"]) == ("hold_expired", 2)
        assert [entry["command"] for entry in found["history"]] == ["hold", None]
        assert stack.hold(event, ["S2"], "carl", Prefer="wait=10").status == 409
    check_all(stack, events)


def test_without_a_sweeper_a_lapsed_hold_obeys_nobody_and_counts_for_no_limit(unswept):
    stack = unswept
    event = stack.create_event(12, hold_ttl_ms=TTL_MS, seats_per_user_max=3)
    first = lapsed(stack, event, ["S1", "S2", "S3"], "anna")
    second = lapsed(stack, event, ["S4", "S5"], "anna")  # five seats, none of them hers any more
    third = stack.hold(event, ["S6", "S7", "S8"], "anna", "book", Prefer="wait=10")
    assert third.status == 201, third
    over = stack.hold(event, ["S9"], "anna", Prefer="wait=10")
    assert (over.status, over.json()["reason"]) == (409, "seat_limit")
    for booking_id, verb in ((first, "confirm"), (second, "extend")):
        answer = stack.command(booking_id, verb, "anna", Prefer="wait=10")
        assert (answer.status, answer.json()["reason"]) == (410, "hold_expired"), answer
        assert stack.booking(booking_id)["status"] == "expired"
    assert {seat_statuses(stack, event)[f"S{n}"] for n in range(1, 6)} == {"available"}
    check_all(stack, [event])


def test_a_hold_nobody_touches_is_seen_to_have_run_out(stack):
    """In the resource, in the map, and by whoever listens."""
    events = stack.create_events(6, 5, hold_ttl_ms=TTL_MS)
    with EventSource(stack.gateway_port, events[0]) as source:
        accepted = Accepted()
        ids = [accepted.booking(stack.hold(event, ["S2", "S4"], "anna")) for event in events]
        for event, booking_id in zip(events, ids):
            stack.wait_lapsed(booking_id)
            found = stack.wait_status(booking_id, "expired", SWEPT_S)
            assert found["reason"] == "hold_expired" and found["version"] == 2
            assert found["server_time"] is None, "there is nothing to count down to"
            wait_for(lambda: set(seat_statuses(stack, event).values()) == {"available"}, SWEPT_S,
                     f"the map of {event} shows them available")
        told = []
        while len(told) < 4:
            message = source.next(SWEPT_S)
            assert message is not None, told
            told += [(seat["seat_id"], seat["status"]) for seat in message.data["seats"]]
        assert sorted(told[:2]) == [("S2", "held"), ("S4", "held")]
        assert sorted(told[2:]) == [("S2", "available"), ("S4", "available")]
        assert message.data["counts"] == {"available": 5, "held": 0, "booked": 0, "blocked": 0}
    check_all(stack, events, accepted)


def test_holds_that_run_out_while_postgresql_is_down_are_decided_by_its_clock(stack):
    short, long = (stack.create_events(3, 30, hold_ttl_ms=ttl)
                   for ttl in (OUTAGE_TTL_MS, LONG_TTL_MS))
    accepted, users = Accepted(), [f"u{n}" for n in range(6)]
    holds = {}  # booking id -> (event, number)
    for event in long + short:
        for n, user in enumerate(users):
            seats = [f"S{2 * n + 1}", f"S{2 * n + 2}"]
            holds[accepted.booking(stack.hold(event, seats, user))] = event, n
    ledger = stack.wait_settled(holds, BACK_S)
    assert {row[0] for row in ledger.values()} == {"held"}
    ends = stack.pg_value("SELECT max(expires_at) FROM bookings WHERE event_id = ANY(%s)", short)
    stack["postgresql"].stop(number=signal.SIGQUIT)  # "immediate": no goodbye to anybody

    commands = {}
    for booking_id, (event, n) in holds.items():
        verb = ("confirm", "cancel", None)[n % 3]
        if verb:
            commands[booking_id] = accepted.command(stack.command(booking_id, verb, users[n]))
    clients = [accepted.booking(stack.hold(event, ["S1", "S30"], "late")) for event in short + long]
    wait_clock_past(ends)
    stack.start_server("postgresql")

    wait_decided(stack, accepted, BACK_S)
    wait_none_held(stack, short, BACK_S)
    replay = check_all(stack, short + long, accepted)
    for booking_id, (event, n) in holds.items():
        status = replay.bookings[booking_id][-1].status
        if event in long:
            assert status == ("confirmed", "cancelled", "held")[n % 3]
        else:
            assert status == "expired"
        if n % 3 < 2:
            result = stack.decided(booking_id, commands[booking_id])["result"]
            assert result == ("done" if event in long else "refused")
    firsts = {replay.bookings[booking_id][0].status for booking_id in clients[:len(short)]}
    assert firsts == {"held"}, "what lapsed was theirs to take"
    assert {replay.bookings[b][-1].status for b in clients[len(short):]} == {"rejected"}


def wait_clock_past(at):
    """PostgreSQL's clock is this machine's."""
    wait_for(lambda: datetime.now(timezone.utc) > at, BACK_S, f"it is past {at}")
