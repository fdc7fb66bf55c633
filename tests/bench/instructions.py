#!/usr/bin/env python3
"""Instructions of the worker per booking, as callgrind counts them: no neighbour moves this figure.

usage: SEATLINE_BUILD_DIR=build tests/bench/instructions.py [FILE]
       FILE: also told there; .run/tests/bench/instructions.txt is what RESULTS.md shows. It
       starts a system of its own from that build, where SEATLINE_STATE_DIR and _PORT_BASE say,
       as the tests do.

Two backlogs are drained; what the larger one took more is the bookings', not the start's. Then the
functions of ours that take most of it, with all they call.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from report import commit  # noqa: E402 - after the path
from seatline import Seatline, event_ids

EVENTS = 20
SEATS = (250, 1250)  # of each event, in the smaller and the larger backlog
DRAIN_S = 300
LEAVE_S = 60
SHOWN = 20


def counted(system, worker, seats, out):
    """Callgrind's file about a worker that drains so many seats of each event, then stops."""
    ids = event_ids(f"count-{seats}", EVENTS)
    system.add_events(ids, seats)
    system.settle()
    system.preload(ids, 1, seats, 1)
    program = worker.argv[0].decode()
    worker.argv = [b"valgrind", b"--tool=callgrind", f"--callgrind-out-file={out}".encode(),
                   *worker.argv]
    valgrind, worker._exe = worker._exe, shutil.which("valgrind")
    worker.start(LANES="1", PG_STATEMENT_TIMEOUT_MS="30000")
    system.wait_consumed(DRAIN_S)
    worker.child.terminate()
    worker.child.wait(LEAVE_S)
    worker.argv, worker._exe = worker.argv[3:], valgrind
    assert worker.argv[0].decode() == program
    return out


def annotated(out):
    return subprocess.run(["callgrind_annotate", "--inclusive=yes", out], check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout


def total(text):
    return int(re.search(r"([\d,]+) .*PROGRAM TOTALS", text).group(1).replace(",", ""))


def main():
    system = Seatline(os.environ["SEATLINE_BUILD_DIR"])
    system.open()
    try:
        system.run_only()
        texts = [annotated(counted(system, system["worker-0"], seats,
                                   system.state / f"callgrind.{seats}")) for seats in SEATS]
        bookings = EVENTS * (SEATS[1] - SEATS[0])
        told = [f"{(total(texts[1]) - total(texts[0])) / bookings:10.0f}  instructions a booking,"
                f" commit {commit()}"]
        lines = re.findall(r"^ *([\d,]+) .*:(\w+) \[.*/worker\]", texts[1], re.MULTILINE)
        told += [f"{int(count.replace(',', '')) / (EVENTS * SEATS[1]):10.0f}  {name}"
                 for count, name in lines[:SHOWN]]
        for file in (sys.stdout, *(open(name, "w") for name in sys.argv[1:])):
            print("\n".join(told), file=file, flush=True)
    finally:
        system.close()


if __name__ == "__main__":
    main()
