"""The workers' clocks are wrong by an hour, in both directions: holds end when PostgreSQL's clock
says so, not earlier and not later."""

import contextlib
import subprocess
from datetime import datetime, timezone
from pathlib import Path

from support.checks import wait_none_held
from support.wait import wait_for

HOUR_S = 3600
NEAR_S = 60     # a clock that is this near to where it should be is there
LATE_S = 10     # the sweep's second, a restart, a busy machine; a wrong clock would make it an hour
LAPSED = 30     # holds that run out in each part
SETTLED_S = 30
TTL_MS = 2000
TRUE_MONOTONIC = {"FAKETIME_DONT_FAKE_MONOTONIC": "1"}

RAN_OUT = """
    SELECT extract(epoch FROM now.decided_at - before.expires_at)
    FROM booking_log AS now
    JOIN booking_log AS before ON before.booking_id = now.booking_id
                              AND before.booking_version = now.booking_version - 1
    WHERE now.event_id = ANY(%s) AND now.status = 'expired' AND before.status = 'held'"""


def libraries(directory):
    """What a worker is started with: libfaketime, and clock_waits, which says why."""
    libfaketime = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    assert libfaketime, "libfaketime is not installed"
    waits = directory / "clock_waits.so"
    subprocess.run(["cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o",
                    waits, Path(__file__).with_name("clock_waits.c")], check=True, timeout=60)
    return f"{waits}:{libfaketime[0]}"


class Clock:
    """A worker's: set(seconds) ahead of the true one, also while it runs."""

    def __init__(self, stack, name, directory):
        self.stack, self.name, self.file = stack, name, directory / f"{name}.clock"

    def set(self, seconds):
        self.file.write_text(f"{seconds:+d}\n")
        self.seconds = seconds

    def settings(self):
        return {"FAKETIME_TIMESTAMP_FILE": str(self.file),
                "FAKETIME_CACHE_DURATION": "1", "NO_FAKE_STAT": "1"}

    def wait_wrong(self):
        """Until the worker's log shows that its clock is where it was set to."""
        begin = self.stack[self.name].log_size()

        def is_wrong():
            last = self.stack.log_lines(self.name, begin)[-1]["ts"]
            ahead = datetime.fromisoformat(last.replace("Z", "+00:00")) - datetime.now(timezone.utc)
            return abs(ahead.total_seconds() - self.seconds) < NEAR_S

        wait_for(is_wrong, SETTLED_S, f"the clock of {self.name} is {self.seconds} s ahead")


@contextlib.contextmanager
def wrong_clocks(stack, directory, more):
    clocks = [Clock(stack, name, directory) for name in stack.instances("worker")]
    preload = {"LD_PRELOAD": libraries(directory)}
    for clock, direction in zip(clocks, (1, -1)):
        clock.set(direction * HOUR_S)
    with stack.changed({clock.name: {**preload, **clock.settings(), **more}
                        for clock in clocks}):
        yield clocks


def late_by(stack, events):
    """Of each hold that ran out, how long after its end that was decided."""
    return [float(seconds) for seconds, in stack.pg_rows(RAN_OUT, list(events))]


def work(stack, campaign, clocks, requests):
    """The load goes on, and holds run out, by clocks that are as wrong as they should be."""
    for clock in clocks:
        clock.wait_wrong()
    goal = len(late_by(stack, campaign.events)) + LAPSED
    campaign.wait_answered(requests, 240)
    wait_for(lambda: len(late_by(stack, campaign.events)) >= goal, SETTLED_S,
             f"{LAPSED} more holds have run out")


def test_workers_with_wrong_clocks(stack, campaign, tmp_path):
    with campaign("workers_with_wrong_clocks", ttl_ms=TTL_MS) as c:
        share = c.times(full=c.requests // 3, short=200)
        with wrong_clocks(stack, tmp_path, TRUE_MONOTONIC) as clocks:
            work(stack, c, clocks, share)
            for clock in clocks:  # by two hours, while it works
                clock.set(-clock.seconds)
            work(stack, c, clocks, share)
        with wrong_clocks(stack, tmp_path, {}) as clocks:
            work(stack, c, clocks, share)
            c.end_load()
            c.settle(within=SETTLED_S)
            wait_none_held(stack, c.events, TTL_MS / 1000 + LATE_S)
        c.check_answered()
        late = late_by(stack, c.events)
        c.figure("holds that ran out", len(late), at_least=1)
        c.figure("earliest end of a hold, after its time", min(late), "s", at_least=0)
        c.figure("latest end of a hold, after its time", max(late), "s", at_most=LATE_S)
        c.settle_readers(within=20)
        c.prove()
