"""Stopping: asked to, each program ends in time with status 0, though its servers are gone. With
them nobody notices it: campaigns/test_rolling.py."""

import signal
import time

import pytest

from support.load import Load
from support.wait import wait_for

MARGIN_S = 1


def stop_in_time(stack, name):
    bound = stack.drain_s(name.rpartition("-")[0]) + MARGIN_S
    began = time.monotonic()
    assert stack[name].stop(bound) == 0
    assert time.monotonic() - began < bound


def restart_ready(stack, names):
    """As our children, so that their exit status is known."""
    stack.restart(names)
    stack.wait_ready(names)


def test_without_kafka_programs_stop_in_time_under_load(stack):
    """Whoever asks meanwhile is refused as without Kafka, not left with a broken connection."""
    names = stack.instances("write-api")
    restart_ready(stack, [*names, "worker-0"])
    event = stack.create_event(60)
    with Load(stack, [event], 60) as load:
        wait_for(lambda: len(load.accepted) >= 50, 10, "the load flows")
        # What was sent to it, bookings and a worker's offsets, is on its way and never answered.
        stack["kafka"].pause()
        wait_for(lambda: load.trouble, 10, "requests are refused")
        stack["kafka"].kill()
        for name in names:
            refused = len(load.trouble) + 20
            wait_for(lambda: len(load.trouble) >= refused, 10, "requests are refused")
            stop_in_time(stack, name)
        wait_for(lambda: not stack.is_ready("worker-0"), 20, "a worker knows that Kafka is gone")
        stop_in_time(stack, "worker-0")
    assert [text for text in load.trouble if not text.startswith("book: 503 ")] == []
    stack.heal()
    stack.wait_settled(load.accepted, 20)
    stack.assert_verified()


@pytest.mark.parametrize("server, programs", [
    ("postgresql", ["worker"]), ("mongodb", ["projector", "read-api"])])
def test_without_their_server_programs_stop_in_time(stack, server, programs):
    names = [f"{program}-0" for program in programs]
    restart_ready(stack, names)
    event = stack.create_event(3)
    stack[server].kill()
    stack.each(lambda n: stack.booked_id(event, f"S{n}"), range(1, 4))  # something to be busy with
    wait_for(lambda: not any(map(stack.is_ready, names)), 20, f"they know that {server} is gone")
    for name in names:
        stop_in_time(stack, name)


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
