"""Stopping: asked to, each program ends in time with status 0, and nobody notices."""

import re
import signal
import time

import pytest

from support.load import Load
from support.wait import wait_for

MARGIN_S = 1


def drain_s(stack, program):
    """The bound each program promises: DRAIN_MS of its own help."""
    text = stack.program(program, "--help").stdout
    default = re.search(r"DRAIN_MS .*; default: (\d+)", text)
    return int(default.group(1)) / 1000


def check_all_settled(stack, load, events):
    stack.wait_settled(load.accepted, 30)
    for event in events:
        stack.assert_sound(event, [b for b, (e, _) in load.accepted.items() if e == event])
    stack.assert_verified()


@pytest.mark.parametrize("program", ["write-api", "worker", "projector", "read-api"])
def test_each_program_stops_in_time_under_load_and_nobody_notices(stack, program):
    bound = drain_s(stack, program)
    assert 0 < bound <= 30
    stack.restart(stack.instances(program))  # as our children their status is known
    stack.heal()
    events = stack.create_events(6, 60)
    with Load(stack, events, 60) as load:
        for name in stack.instances(program):
            goal = len(load.accepted) + 50
            wait_for(lambda: len(load.accepted) >= goal, 10, "the load flows")
            began = time.monotonic()
            assert stack[name].stop(bound + MARGIN_S) == 0
            assert time.monotonic() - began < bound + MARGIN_S
            goal = len(load.accepted) + 50
            wait_for(lambda: len(load.accepted) >= goal, 10, "the load still flows")
            stack[name].start()
            wait_for(lambda: stack.is_ready(name), 20, f"{name} is ready again")
    assert load.trouble == []
    check_all_settled(stack, load, events)


def test_a_write_api_killed_under_load_loses_no_202(stack):
    events = stack.create_events(4, 60)
    with Load(stack, events, 60) as load:
        for name in stack.instances("write-api") * 2:
            goal = len(load.accepted) + 50
            wait_for(lambda: len(load.accepted) >= goal, 10, "the load flows")
            stack[name].kill()
            goal = len(load.accepted) + 20
            wait_for(lambda: len(load.accepted) >= goal, 10, "the load still flows")
            stack[name].start()
            wait_for(lambda: stack.is_ready(name), 20, f"{name} is ready again")
    stack.wait_settled(load.accepted, 20)
    versions = stack.pg_rows("SELECT max(version) FROM seats WHERE event_id = ANY(%s)", events)
    assert versions == [(1,)]
    doubled = stack.pg_rows(
        "SELECT booking_id FROM booking_log WHERE event_id = ANY(%s)"
        " GROUP BY 1 HAVING count(*) > 1",
        events)
    assert doubled == []
    stack.assert_verified()


@pytest.mark.parametrize("program, server", [
    ("write-api", "kafka"), ("worker", "kafka"), ("worker", "postgresql"),
    ("projector", "mongodb"), ("read-api", "mongodb")])
def test_a_program_stops_in_time_when_its_servers_are_gone(stack, program, server):
    bound = drain_s(stack, program)
    name = stack.instances(program)[0]
    stack[name].stop()
    stack[name].start()
    wait_for(lambda: stack.is_ready(name), 20, f"{name} is ready")
    event = stack.create_event(3)
    stack[server].kill()
    if server != "kafka":  # something to be busy with
        stack.each(lambda n: stack.booked_id(event, f"S{n}"), range(1, 4))
    wait_for(lambda: not stack.is_ready(name), 20, f"{name} knows that {server} is gone")
    began = time.monotonic()
    assert stack[name].stop(bound + MARGIN_S) == 0
    assert time.monotonic() - began < bound + MARGIN_S


def test_a_write_api_stops_in_time_under_load_without_kafka(stack):
    """Whoever asks meanwhile is refused as without Kafka, not left with a broken connection."""
    names, bound = stack.instances("write-api"), drain_s(stack, "write-api")
    stack.restart(names)  # as our children their status is known
    stack.heal()
    event = stack.create_event(60)
    with Load(stack, [event], 60) as load:
        wait_for(lambda: len(load.accepted) >= 50, 10, "the load flows")
        stack["kafka"].kill()
        for name in names:
            refused = len(load.trouble) + 20
            wait_for(lambda: len(load.trouble) >= refused, 10, "requests are refused")
            began = time.monotonic()
            assert stack[name].stop(bound + MARGIN_S) == 0
            assert time.monotonic() - began < bound + MARGIN_S
    assert [text for text in load.trouble if not text.startswith("book: 503 ")] == []
    stack.heal()
    stack.wait_settled(load.accepted, 20)
    stack.assert_verified()


def test_a_program_starts_before_its_servers_and_becomes_ready_with_them(stack):
    for server in ("kafka", "postgresql", "mongodb"):
        stack[server].stop(30, signal.SIGKILL)
    for name in ("write-api-0", "worker-0", "projector-0", "read-api-0"):
        stack[name].stop()
        stack[name].start()
        wait_for(lambda: stack.ops(name).get("/livez").status == 200, 10, f"{name} lives")
        wait_for(lambda: stack.ops(name).get("/readyz").status == 503, 5,
                 f"{name} knows that it lacks a server")
    stack.script("up", "kafka", "postgresql", "mongodb")
    for name in ("write-api-0", "worker-0", "projector-0", "read-api-0"):
        wait_for(lambda: stack.is_ready(name), 20, f"{name} is ready")
