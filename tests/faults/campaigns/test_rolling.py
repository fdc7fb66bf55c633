"""Every program is asked to stop and started again, over and over, while everybody books and reads:
nobody notices."""

import itertools
import threading
import time

from support.stack import INSTANCES
from support.wait import wait_for

FULL_RATE = 700  # so that the requests last as long as the stops
MARGIN_S = 1
READY_S = 20
SETTLED_S = 30
READERS = 4
PAUSE_S = 0.01  # of a reader between two requests


class Readers:
    """Read maps and lists through the gateway until told to stop; `trouble`: what was not 200."""

    def __init__(self, stack, events):
        self.stack, self.events = stack, events
        self.count, self.trouble = itertools.count(), []

    def __enter__(self):
        self.end = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(n,)) for n in range(READERS)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        for thread in self.threads:
            thread.join()

    def _run(self, number):
        paths = itertools.cycle([f"/api/events/{event}" for event in self.events]
                                + ["/api/events", f"/api/bookings?userId=u{number}"])
        while not self.end.wait(PAUSE_S):
            path = next(paths)
            try:
                answer = self.stack.web.get(path)
                if answer.status != 200:
                    self.trouble.append(f"{path}: {answer}")
            except Exception as error:
                self.trouble.append(f"{path}: {error!r}")
            next(self.count)


def stop_in_time(stack, name, bound):
    began = time.monotonic()
    assert stack[name].stop(bound + MARGIN_S) == 0, f"{name} did not end well"
    took = time.monotonic() - began
    stack[name].start()
    wait_for(lambda: stack.is_ready(name), READY_S, f"{name} is ready again")
    return took


def test_programs_stopped_one_after_the_other(stack, campaign):
    programs = list(INSTANCES)
    bounds = {program: stack.drain_s(program) for program in programs}
    stack.restart(stack.instances())  # as our children their exit status is known
    stack.heal()
    took = {program: [] for program in programs}
    with campaign("programs_stopped", full_rate=FULL_RATE) as c:
        with Readers(stack, c.events) as readers:
            for number in c.faults(full=20, short=2):
                for program in programs:
                    name = stack.instances(program)[number % 2]
                    took[program].append(stop_in_time(stack, name, bounds[program]))
            c.end_load()
        c.figure("stops of each program", min(map(len, took.values())))
        for program in programs:
            c.figure(f"{program}: longest stop", max(took[program]), "s",
                     at_most=bounds[program] + MARGIN_S)
        c.check_answered()
        c.figure("reads meanwhile", next(readers.count), at_least=1)
        assert readers.trouble == []
        c.settle(within=SETTLED_S)
        c.settle_readers(within=SETTLED_S)
        c.prove()
