"""Workers are killed while everybody books."""

import time

FULL_RATE = 700  # so that the requests last as long as fifty kills
SOON = {"KAFKA_SESSION_TIMEOUT_MS": "2000"}
AT_WORK = 150  # requests at most that are decided between two kills
GONE_S = 30


def kill_at_work(campaign, worker):
    """It, or the other one, is at work again."""
    campaign.wait_decided(campaign.choice.randint(1, AT_WORK))
    worker.kill()


def test_workers_killed(stack, campaign):
    workers = stack.instances("worker")
    with campaign("workers_killed", full_rate=FULL_RATE) as c:
        # A dead worker is missed sooner than by default, so that there are many kills in a short
        # time. Not so the last: the other one goes on alone, once the group has missed it.
        with stack.changed(dict.fromkeys(workers, SOON)):
            for _ in c.faults(full=49, short=3):
                worker = stack[c.choice.choice(workers)]
                kill_at_work(c, worker)
                worker.start()
        kill_at_work(c, stack[workers[0]])
        killed = time.monotonic()
        c.figure("kills", c.times(full=50, short=4))
        c.end_load()
        c.settle(within=2 * GONE_S)
        c.figure("backlog gone after the last kill", time.monotonic() - killed, "s", at_most=GONE_S)
        c.check_answered()
        c.settle_readers(within=20)
        c.prove()
