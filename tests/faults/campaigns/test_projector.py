"""Projectors are killed, the active one and the one that stands by, while everybody books."""

import time

EQUAL_S = 10


def test_projectors_killed(stack, campaign):
    names = stack.instances("projector")
    with campaign("projectors_killed") as c:
        for _ in c.faults(full=20, short=3):
            projector = stack[c.choice.choice(names)]
            projector.kill()
            projector.start()
        killed = time.monotonic()
        c.figure("kills", c.times(full=20, short=3))
        c.end_load()
        c.check_answered()
        c.settle(within=EQUAL_S)
        c.settle_readers(within=2 * EQUAL_S)
        c.figure("maps equal after the last kill", time.monotonic() - killed, "s", at_most=EQUAL_S)
        c.prove()
