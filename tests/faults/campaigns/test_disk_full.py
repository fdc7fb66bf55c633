"""The disk under PostgreSQL, then the one under Kafka, is full while everybody books: what cannot
be stored is refused or waits, nothing is torn, and all goes on once there is room again."""

import contextlib
import os
import shutil
import time

import psycopg
import pytest

from support import Stack
from support.campaign import Campaign
from support.outage import answers, coming_back
from support.small_disk import SmallDisks
from support.stack import DLQ, ROOT
from support.wait import wait_for

PORTS, GATEWAY = 500, 580  # from the other system's
DISKS_MB = {"postgresql": 256, "kafka": 96}
NOTICED_S = 60
BACK_S, BACK_S_SHORT = 10, 30  # the short form is for any machine, however busy
ANSWERED_S, ANSWERED_S_SHORT = 3, 5
NO_SPACE = "No space left on device"
WAL_AT_ONCE = 1_000_000
FULL_RATE, FULL_REQUESTS = 600, 30_000  # what the disks have room for


@pytest.fixture
def small(whole_stack, request):
    """A system beside the other whose PostgreSQL and Kafka have small disks: Stack, SmallDisks."""
    with SmallDisks(DISKS_MB) as disks:
        if os.geteuid() == 0:
            shutil.chown(disks.inside("postgresql"), "postgres", "postgres")
        state = whole_stack.state / "small"
        state.mkdir()
        (state / ".seatline-state").touch()
        for name in DISKS_MB:
            (state / name).symlink_to(disks.path(name))
        stack = Stack(state, whole_stack.base + PORTS, whole_stack.base + GATEWAY, disks.prefix)
        failed, opened = request.session.testsfailed, False
        try:
            stack.open()
            opened = True
            yield stack, disks
        finally:
            if not opened or request.session.testsfailed > failed:
                stack.keep_logs(ROOT / ".run" / "tests" / "logs" / "small")
            stack.close()


def test_disk_full(small, request, tmp_path):
    stack, disks = small
    stack.wait_ready(stack.instances())
    dead_letters = stack.kafka_ends(DLQ)
    full = request.config.getoption("--full")
    with Campaign(stack, "disk_full", full, tmp_path, full_rate=FULL_RATE,
                  requests=FULL_REQUESTS if full else None) as c:
        back = {"postgresql": [], "its log": [], "kafka": []}
        for _ in range(c.times(full=3, short=1)):
            for what, fault in (("postgresql", tables_full), ("its log", log_full),
                                ("kafka", kafka_full)):
                c.wait_decided(c.rate, NOTICED_S)
                back[what].append(fault(c, disks))
        c.end_load()
        slowest = max(line["took_ms"] for line in c.record) / 1000
        c.figure("slowest answer", slowest, "s",
                 at_most=c.times(ANSWERED_S, ANSWERED_S_SHORT))
        within = c.times(BACK_S, BACK_S_SHORT)
        for what, times in back.items():
            c.figure(f"decides again once {what} has room", max(times), "s", at_most=within)
        c.figure("all decided after", c.settle(within=30), "s", at_most=within)
        assert stack.kafka_ends(DLQ) == dead_letters
        c.settle_readers(within=20)
        c.prove()


def tables_full(c, disks):
    """Rows find no room: transactions fail, and are tried again."""
    stack, postgresql = c.stack, c.stack["postgresql"]
    told = postgresql.log_size()
    disks.fill("postgresql")
    wait_for(lambda: not_ready(stack) and NO_SPACE in postgresql.log_text(told), NOTICED_S,
             "PostgreSQL has no room, and the workers say so")
    c.wait_answered(c.rate, NOTICED_S)
    return room_again(c, disks, "postgresql")


def log_full(c, disks):
    """Not even the write-ahead log finds room: PostgreSQL ends all sessions, and may end itself."""
    postgresql = c.stack["postgresql"]
    told = postgresql.log_size()

    def panicked():
        disks.fill("postgresql")
        if "PANIC" in postgresql.log_text(told):
            return True
        try:
            c.stack.pg_rows("SELECT pg_logical_emit_message(true, 'tests', repeat('x', %s))",
                            WAL_AT_ONCE)
        except psycopg.Error:
            pass  # no room, or gone
        return False

    wait_for(panicked, NOTICED_S, "PostgreSQL has no room for its log")
    c.wait_answered(c.rate, NOTICED_S)
    return room_again(c, disks, "postgresql")


def kafka_full(c, disks):
    """A broker that cannot write ends itself; then everybody is refused."""
    kafka = c.stack["kafka"]
    told = kafka.log_size()
    wait_for(lambda: disks.fill("kafka") or not kafka.is_running, NOTICED_S, "Kafka has ended")
    assert NO_SPACE in kafka.log_text(told)
    wait_for(lambda: c.stack.web.get("/healthz").status == 503, NOTICED_S, "/healthz says it")
    c.wait_answered(c.rate, NOTICED_S)
    return room_again(c, disks, "kafka")


def not_ready(stack):
    return not any(stack.is_ready(name) for name in stack.instances("worker"))


def room_again(c, disks, name):
    """s from its first answer with room, started again if it had ended, to the next decision."""
    server = c.stack[name]
    disks.free(name)
    wait_for(lambda: not server.is_running or answers(c.stack, name), NOTICED_S,
             f"{name} goes on, or has ended")
    with contextlib.nullcontext() if server.is_running else coming_back(c.stack, name):
        began = time.monotonic()
        c.wait_decided(1, NOTICED_S)
        return time.monotonic() - began
