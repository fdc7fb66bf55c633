"""Kafka away: requests are refused in time, never falsely accepted; then all goes on by itself."""

import time

from support.wait import wait_for

REFUSED_S = 3
BACK_S = 10


def refused_in_time(stack, event, seat):
    """The booking id, when the refusal says that the request may have been stored all the same."""
    began = time.monotonic()
    answer = stack.book(event, seat)
    took = time.monotonic() - began
    assert answer.status == 503, answer
    assert took < REFUSED_S, f"{took:.2f} s"
    assert int(answer.header("Retry-After")) >= 1
    assert answer.header("Content-Type") == "application/problem+json"
    assert answer.json()["status"] == 503
    return answer.json().get("bookingId")


def goes_on(stack, probe, since, pids):
    """Within the bound each write-api accepts again, by the same processes."""
    wait_for(lambda: {stack.book(probe, "S1").status for _ in range(6)} == {202}, BACK_S,
             "every request is accepted")
    assert time.monotonic() - since < BACK_S
    assert pids == {name: stack[name].pid for name in pids}


def program_pids(stack):
    return {name: stack[name].pid for name in stack.instances()}


def check_effects(stack, event, accepted, doubtful):
    """Every 202 is booked; of the refused ones only those which said that they might be."""
    stack.wait_settled(accepted, 20)
    seats = dict(stack.pg_rows("SELECT seat_id, status FROM seats WHERE event_id = %s", event))
    booked = {seat for seat, status in seats.items() if status == "booked"}
    owners = {b[0] for b in stack.pg_rows(
        "SELECT booking_id::text FROM seats WHERE event_id = %s AND booking_id IS NOT NULL", event)}
    assert set(accepted) <= owners
    assert set(accepted.values()) <= booked <= set(accepted.values()) | doubtful
    versions = stack.pg_value("SELECT max(version) FROM seats WHERE event_id = %s", event)
    assert versions == 1
    stack.assert_verified()


def test_without_kafka_requests_are_refused_in_time_and_afterwards_accepted_again(stack):
    (event, probe), pids = stack.create_events(2, 100), program_pids(stack)
    accepted = {stack.booked_id(event, f"S{n}"): f"S{n}" for n in range(1, 11)}
    stack["kafka"].kill()

    seats = [f"S{n}" for n in range(11, 71)]
    maybe = stack.each(lambda seat: refused_in_time(stack, event, seat), seats)
    doubtful = {seat for seat, booking_id in zip(seats, maybe) if booking_id}
    assert stack.web.get(f"/api/events/{event}").status == 200, "reading goes on"
    wait_for(lambda: stack.web.get("/healthz").status == 503, 5, "/healthz says it")

    stack.start_server("kafka")
    since = time.monotonic()
    goes_on(stack, probe, since, pids)
    for n in range(71, 101):
        accepted[stack.booked_id(event, f"S{n}")] = f"S{n}"
    check_effects(stack, event, accepted, doubtful)
    wait_for(lambda: stack.web.get("/healthz").status == 200, BACK_S, "/healthz is 200 again")


def test_a_kafka_that_hangs_is_refused_in_time_too(stack):
    (event, probe), pids = stack.create_events(2, 60), program_pids(stack)
    accepted = {stack.booked_id(event, "S1"): "S1"}
    stack["kafka"].pause()
    seats = [f"S{n}" for n in range(2, 42)]
    maybe = stack.each(lambda seat: refused_in_time(stack, event, seat), seats)
    doubtful = {seat for seat, booking_id in zip(seats, maybe) if booking_id}
    assert doubtful, "what was sent may be stored once it goes on"

    stack["kafka"].resume()
    since = time.monotonic()
    goes_on(stack, probe, since, pids)
    for n in range(42, 61):
        accepted[stack.booked_id(event, f"S{n}")] = f"S{n}"
    check_effects(stack, event, accepted, doubtful)
