"""A worker is stopped for longer than its locks last, and goes on: what it then wants to commit is
another worker's by now."""

import time

from support.stack import TOPIC
from support.wait import wait_for

FULL_RATE = 600  # so that the requests last as long as the rounds
LOCK_TTL_MS = 2000
# The group misses the sleeper when its locks end. PostgreSQL ends a transaction that nobody goes on
# with after 5 s: before the sleeper wakes up.
SHORT = {"LOCK_TTL_MS": str(LOCK_TTL_MS), "KAFKA_SESSION_TIMEOUT_MS": "2000"}
ASLEEP_S = 3 * LOCK_TTL_MS / 1000
# It stops itself with a batch in hand, and again after so many more.
WITH_BATCH = {**SHORT, "FAULT_POINT": "worker_after_lock:100:stop"}
STOPPED_S = 60
TAKEN_OVER_S = 30
BETWEEN = 300  # requests at most


def fenced(stack, name):
    return int(stack.metric(name, "seatline_worker_fenced_commits_total"))


def sleep(stack, name):
    """It is stopped. When it goes on, others have decided all that there was when it fell asleep,
    and so what it has in hand."""
    ends = stack.kafka_ends()
    time.sleep(ASLEEP_S)

    def is_taken_over():
        progress = dict(stack.pg_rows(
            "SELECT partition, next_offset FROM partition_progress WHERE topic = %s", TOPIC))
        return all(progress.get(partition, 0) >= end for partition, end in ends.items())

    wait_for(is_taken_over, TAKEN_OVER_S, f"another worker does the work of {name}")
    stack[name].resume()


def stop_with_a_batch(stack, name, before):
    """Answers how many of its batches were fenced by now: this one too."""
    wait_for(lambda: stack[name].is_paused, STOPPED_S, f"{name} stops itself")
    sleep(stack, name)

    def is_fenced():
        stack[name].resume()  # should it have stopped again already
        return (now := fenced(stack, name)) > before and now

    return wait_for(is_fenced, STOPPED_S, f"the batch of {name} is fenced")


def stop_anywhere(stack, c, name):
    """Answers how many of its batches were fenced: most often it has none in hand, or learns that
    the partition is another's before it goes on with it."""
    c.wait_answered(c.choice.randint(1, BETWEEN))
    before = fenced(stack, name)
    stack[name].pause()
    sleep(stack, name)
    stack.wait_workers_own_all()
    return fenced(stack, name) - before


def test_workers_frozen(stack, campaign):
    first, second = stack.instances("worker")
    with (stack.changed({first: WITH_BATCH, second: SHORT}),
          campaign("workers_frozen", full_rate=FULL_RATE) as c):
        rounds = c.times(full=10, short=1)
        with_batch = anywhere = 0
        for _ in range(rounds):
            with_batch = stop_with_a_batch(stack, first, with_batch)
        stack[first].kill()
        stack[first].start(FAULT_POINT="")
        stack.wait_ready([first])
        for number in range(rounds):
            anywhere += stop_anywhere(stack, c, (first, second)[number % 2])
        c.figure("rounds", 2 * rounds)
        c.end_load()
        c.check_answered()
        c.settle(within=TAKEN_OVER_S)
        c.figure("stale batches fenced", with_batch + anywhere, at_least=rounds)
        c.settle_readers(within=20)
        c.prove()
