"""Topic booking_events: whoever dies, every row is told at least once and each booking's in order;
and telling never holds up the read model, nor the read model the telling."""

import signal

import pytest

from support.booking_events import BookingEvents, assert_in_order, assert_repeated_word_for_word
from support.wait import wait_for

POINTS = ["after_read", "after_wave", "after_send", "after_position"]
SEATS = 40


def booked(stack, event, count):
    wait_for(lambda: stack.seat_map(event)["counts"]["booked"] == count, 20,
             f"{count} seats are booked in the map")


def log_more(stack, event, ids):
    """A second and a third row of each booking."""
    for verb in ("confirm", "extend"):
        stack.each(lambda b: stack.command(b, verb), ids)
    wait_for(lambda: stack.pg_value(
        "SELECT count(*) FROM booking_log WHERE booking_id = ANY(%s::uuid[])",
        ids) == 3 * len(ids), 20, "all commands are decided")


@pytest.mark.parametrize("point", POINTS)
def test_a_projector_killed_while_it_tells_repeats_but_leaves_nothing_out(stack, point):
    event = stack.create_event(SEATS)
    told = BookingEvents(stack)
    stack.stop(stack.instances("projector"))
    ids = stack.each(lambda n: stack.booked_id(event, f"S{n}"), range(1, SEATS + 1))
    stack.wait_settled(ids, 10)
    log_more(stack, event, ids)
    projector = stack["projector-0"]
    projector.start(FAULT_POINT=f"projector_outbox_{point}")
    assert projector.wait_end(20) == -signal.SIGKILL
    before = told.read(ids)
    projector.start()
    events = told.wait(ids)
    assert assert_in_order(events) == dict.fromkeys(ids, 3)
    assert_repeated_word_for_word(events)
    if point == "after_read":
        assert before == []
    if point in ("after_wave", "after_send"):
        assert before and len(events) > 3 * SEATS, "what was sent before the kill comes again"
    booked(stack, event, SEATS)
    stack.assert_verified()


def test_the_standby_takes_over_the_telling(stack):
    event = stack.create_event(SEATS)
    told = BookingEvents(stack)
    names = stack.instances("projector")
    ids = []
    for first in range(1, SEATS, 10):
        active = wait_for(lambda: next(
            (n for n in names if stack.metric(n, "seatline_outbox_active") == 1), None), 20,
            "one projector tells")
        stack[active].kill()
        ids += stack.each(lambda n: stack.booked_id(event, f"S{n}"), range(first, first + 10))
        told.wait(stack.wait_settled(ids, 10))
        stack[active].start()
    assert assert_in_order(told.read(ids)) == dict.fromkeys(ids, 1)
    stack.assert_verified()


@pytest.mark.parametrize("how", ["stopped", "hanging"])
def test_without_kafka_the_map_goes_on_and_the_telling_catches_up(stack, how):
    event = stack.create_event(SEATS)
    told = BookingEvents(stack)
    stack.stop(stack.instances("projector"))
    ids = stack.each(lambda n: stack.booked_id(event, f"S{n}"), range(1, SEATS + 1))
    stack.wait_settled(ids, 10)
    kafka = stack["kafka"]
    kafka.kill() if how == "stopped" else kafka.pause()

    projectors = [stack[name] for name in stack.instances("projector")]
    for projector in projectors:
        projector.start()
    booked(stack, event, SEATS)
    pids = [projector.pid for projector in projectors]
    wait_for(lambda: all(stack.is_ready(p.name) for p in projectors), 10, "they are ready")
    wait_for(lambda: sum(stack.metric(p.name, "seatline_outbox_failures_total")
                         for p in projectors) > 2, 20, "it is counted that Kafka is away")
    stack.assert_verified()

    if how == "stopped":
        stack.start_server("kafka")
    else:
        kafka.resume()
    assert assert_in_order(told.wait(ids)) == dict.fromkeys(ids, 1)
    assert pids == [projector.pid for projector in projectors], "nothing was restarted"


@pytest.mark.parametrize("how", ["stopped", "hanging"])
def test_without_mongodb_the_telling_goes_on(stack, how):
    event = stack.create_event(SEATS)
    told = BookingEvents(stack)
    mongodb = stack["mongodb"]
    mongodb.kill() if how == "stopped" else mongodb.pause()
    ids = stack.each(lambda n: stack.booked_id(event, f"S{n}"), range(1, SEATS + 1))
    stack.wait_settled(ids, 10)
    assert assert_in_order(told.wait(ids)) == dict.fromkeys(ids, 1)

    if how == "stopped":
        stack.start_server("mongodb")
    else:
        mongodb.resume()
    booked(stack, event, SEATS)


def test_without_postgresql_the_telling_waits_and_goes_on(stack):
    event = stack.create_event(SEATS)
    told = BookingEvents(stack)
    ids = stack.each(lambda n: stack.booked_id(event, f"S{n}"), range(1, 11))
    stack["postgresql"].stop(number=signal.SIGINT)
    ids += stack.each(lambda n: stack.booked_id(event, f"S{n}"), range(11, SEATS + 1))
    stack.start_server("postgresql")
    stack.wait_settled(ids, 30)
    assert assert_in_order(told.wait(ids)) == dict.fromkeys(ids, 1)
