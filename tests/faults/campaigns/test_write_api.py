"""A write-api is killed while everybody books: the gateway asks the other one."""

import time

from support.wait import wait_for

READY_S = 20
SETTLED_S = 30
EQUAL_S = 10


def met(line, outages):
    """How many of them there were while this request was under way."""
    ended = line["at"] + line["took_ms"] / 1000
    return sum(down <= ended and line["at"] <= up for down, up in outages)


def test_write_apis_killed(stack, campaign):
    names, outages = stack.instances("write-api"), []
    with campaign("write_apis_killed") as c:
        for _ in c.faults(full=20, short=3):
            name, down = c.choice.choice(names), time.time()
            stack[name].kill()
            stack[name].start()
            wait_for(lambda: stack.is_ready(name), READY_S, f"{name} is ready again")
            outages.append((down, time.time()))
        c.figure("kills", len(outages))
        c.end_load()
        # Only who lost both of them, on a slow machine, may be told that nobody is there.
        c.check_answered(excused=lambda line: line["status"] == 503 and met(line, outages) >= 2)
        c.settle(within=SETTLED_S)
        c.figure("maps equal after the load", c.settle_readers(within=2 * EQUAL_S), "s",
                 at_most=EQUAL_S)
        c.prove()
