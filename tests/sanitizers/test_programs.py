"""Everybody books, reads and waits while all that a program depends on goes and comes, and
the programs too. Nothing is timed, only bounded: a sanitizer makes a program slow."""

import itertools
import signal
import threading

import pytest

from support.campaign import Campaign
from support.stack import INSTANCES
from support.wait import wait_for

RATE = 60          # requests a second
FLOW = 60          # requests between two faults
FLOW_S = 60
END_S = 60         # a program's drain, times what a sanitizer costs
READERS = 4
PAUSE_S = 0.1      # of a reader between two rounds
SETTLED_S = 90
NAMES = [f"{program}-{i}" for program, count in INSTANCES.items() for i in range(count)]


class Readers:
    """Hold, wait for the outcome and read whatever there is, in events of their own, until told to
    stop; `count`: of answers."""

    def __init__(self, stack):
        self.stack = stack
        self.events = stack.create_events(READERS, 60, "read", hold_ttl_ms=1000)
        self.count = itertools.count()
        self.end = threading.Event()

        self.threads = [threading.Thread(target=self._run, args=(n,)) for n in range(READERS)]
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.end.set()
        for thread in self.threads:
            thread.join()

    def _run(self, number):
        events = itertools.cycle(self.events[number:] + self.events[:number])
        while not self.end.wait(PAUSE_S):
            event, user = next(events), f"u{number}"
            try:
                held = self.stack.hold(event, ["S1"], user, Prefer="wait=1").json()
                for path in (f"/api/events/{event}", f"/api/events/{event}/layout", "/api/events",
                             f"/api/bookings?userId={user}", f"/api/bookings/{held['bookingId']}"):
                    self.stack.web.get(path)
                    next(self.count)
            except Exception:  # nobody is there: that is what these tests are about
                continue


@pytest.fixture(scope="module")
def stack(whole_stack):
    whole_stack.heal()
    whole_stack.restart(NAMES)  # as our children their exit status is known
    whole_stack.heal()
    return whole_stack


@pytest.fixture(scope="module")
def readers(stack):
    readers = Readers(stack)
    yield readers
    readers.stop()


@pytest.fixture(scope="module")
def campaign(stack, readers, tmp_path_factory):
    scratch = tmp_path_factory.mktemp("campaign")
    with Campaign(stack, "sanitizers", False, scratch, rate=RATE) as campaign:
        yield campaign


def flows(campaign):
    campaign.wait_answered(FLOW, FLOW_S)
    campaign.wait_decided(FLOW // 2, FLOW_S)


def is_ready_again(stack, campaign, names):
    for name in names:
        wait_for(lambda: stack.is_ready(name), FLOW_S, f"{name} is ready again")
    flows(campaign)


@pytest.mark.parametrize("server", ["redis", "mongodb", "postgresql", "kafka"])
def test_a_server_goes_and_comes(stack, campaign, server):
    flows(campaign)
    stack[server].kill()
    campaign.wait_answered(FLOW, FLOW_S)
    stack.start_server(server)
    is_ready_again(stack, campaign, NAMES)


@pytest.mark.parametrize("program", list(INSTANCES))
def test_a_program_stops_and_starts(stack, campaign, program):
    name = f"{program}-0"
    flows(campaign)
    assert stack[name].stop(END_S) == 0
    campaign.wait_answered(FLOW, FLOW_S)
    stack[name].start()
    is_ready_again(stack, campaign, [name])


def test_a_worker_is_killed(stack, campaign):
    stack["worker-1"].kill()
    flows(campaign)
    stack["worker-1"].start()
    is_ready_again(stack, campaign, ["worker-1"])


def test_all_are_told_to_stop_and_end_with_status_0(stack, campaign):
    flows(campaign)
    for name in NAMES:
        stack[name].send(signal.SIGTERM)
    assert {name: stack[name].wait_end(END_S) for name in NAMES} == dict.fromkeys(NAMES, 0)


def test_all_promises_were_kept(stack, campaign, readers):
    stack.heal()
    flows(campaign)
    readers.stop()
    assert next(readers.count) > READERS
    campaign.end_load()
    campaign.settle(SETTLED_S)
    campaign.settle_readers(SETTLED_S)
    campaign.prove()
