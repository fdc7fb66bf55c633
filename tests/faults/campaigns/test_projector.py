"""Projectors are killed, the active one and the one that stands by, while everybody books."""

import time

EQUAL_S, EQUAL_S_SHORT = 10, 30  # the short form is for any machine, however busy


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
        within = c.times(EQUAL_S, EQUAL_S_SHORT)
        c.settle(within)
        c.settle_readers(2 * within)
        c.figure("maps equal after the last kill", time.monotonic() - killed, "s", at_most=within)
        c.prove()
