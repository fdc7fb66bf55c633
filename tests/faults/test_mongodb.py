"""MongoDB away: bookings go on; the map catches up by itself when it is back."""

import time

import pytest

from support.wait import wait_for


@pytest.mark.parametrize("how", ["stopped", "hanging"])
def test_without_mongodb_bookings_go_on_and_the_map_catches_up(stack, how):
    event = stack.create_event(50)
    pids = {name: stack[name].pid for name in stack.instances()}
    mongodb = stack["mongodb"]
    mongodb.kill() if how == "stopped" else mongodb.pause()

    ids = stack.each(lambda n: stack.booked_id(event, f"S{n % 50 + 1}", f"u{n}"), range(80))
    ledger = stack.wait_settled(ids, 10)
    assert sorted(row[0] for row in ledger.values()) == ["confirmed"] * 50 + ["rejected"] * 30

    began = time.monotonic()
    answer = stack.web.get(f"/api/events/{event}")
    assert answer.status in (503, 504), answer
    assert time.monotonic() - began < 10
    assert answer.header("Content-Type") == "application/problem+json"
    assert int(answer.header("Retry-After")) >= 1

    if how == "stopped":
        stack.start_server("mongodb")
    else:
        mongodb.resume()
    wait_for(lambda: stack.seat_map(event)["counts"]["booked"] == 50, 20, "the map has caught up")
    for booking_id, document in stack.wait_readable(ids).items():
        assert document["status"] == ledger[booking_id][0]
    assert pids == {name: stack[name].pid for name in pids}, "nothing was restarted"
    stack.assert_verified()
