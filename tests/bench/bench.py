#!/usr/bin/env python3
"""Seatline, the Node.js peer and the floors, side by side on this machine.

usage: bench.py --tools BUILD --peer DIRECTORY --work DIRECTORY [--junit FILE]
                [--rounds N] [--seconds S] [--only GROUP]... [--quick]
  --tools     a meson build directory that has tests/bench/preload
  --peer      peer-node/ with its packages
  --work      for scratch and results.json
  --junit     also write there which groups went through
  --seconds   of one load
  --quick     one round of a second and some hundred bookings, and not all of it: whether each
              group measures; what the figures are says nothing then
What is measured is SEATLINE_BUILD_DIR's; SEATLINE_STATE_DIR, _PORT_BASE and _GATEWAY_PORT say where
it runs.
Groups: accept read visible live drain project burst starts memory growth; all of them by default.
What was measured is told in RESULTS.md, below the work directory; when it was all and nothing
failed, also beside this file; docs/CAPACITY.md is made anew then.

Everything is measured by turns with what it is compared with, in another order each round; what
takes long and changes little has fewer rounds (ROUNDS_MAX). Programs that a figure is not about are
stopped.
"""
import argparse
import contextlib
import signal
import sys
import time
import traceback
import xml.etree.ElementTree as ElementTree
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import accept  # noqa: E402 - after the path
import burst
import capacity
import drain
import growth
import live
import memory
import project
import read
import report
import starting
import visible
from cpu import Cpu
from figures import Figures
from floor import Pgbench, StaticFiles
from peer import Peer
from seatline import Seatline

CAPACITY = HERE.parent.parent / "docs" / "CAPACITY.md"
GROUPS = {"accept": accept, "read": read, "visible": visible, "live": live, "drain": drain,
          "project": project, "burst": burst, "starts": starting, "memory": memory,
          "growth": growth}
PEER_WRITE, PEER_READ, FLOOR, FLOOR_FIRST = 500, 501, 502, 503  # ports from the base
ROUNDS, SECONDS = 3, 3
ROUNDS_MAX = {"project": 2, "burst": 1, "starts": 1, "memory": 1, "growth": 1}
QUICK_SECONDS = 1
WARM_S, FIRST_WARM_S = 2, 8  # a Node.js, a JVM that have just started are not what is measured


class Bench:
    def __init__(self, options):
        self.options = options
        self.quick = options.quick
        self.rounds = 1 if self.quick else options.rounds
        self.seconds = QUICK_SECONDS if self.quick else options.seconds
        self.work = Path(options.work)
        self.groups = options.only or list(GROUPS)
        self.figures, self.cases = Figures(), ElementTree.Element("testsuite", name="bench")
        self.rounds_max, self.round, self.names = ROUNDS_MAX, 0, 0
        self.seatline = self.peer = self.pgbench = self.memory = None
        self.files = self.files_first = None  # floors of what is direct, and of the gateway

    # --- what is measured ------------------------------------------------------------------------

    @contextlib.contextmanager
    def everything(self):
        """Up, and down again whatever happens."""
        self.seatline = Seatline(self.options.tools)
        base = self.seatline.base
        self.files = StaticFiles(self.work / "floor", base + FLOOR)
        self.files_first = StaticFiles(self.work / "floor-first", base + FLOOR_FIRST, first=True)
        try:
            self.seatline.open()
            self.files.start()
            self.files_first.start()
            native = HERE.parent / "lib" / "native.sh"
            self.pgbench = Pgbench(self.work / "pgbench", self.seatline, native)
            self.peer = Peer(self.options.peer, self.seatline, base + PEER_WRITE,
                             base + PEER_READ, self.work)
            self.peer.setup()
            self.memory = memory.Memory(self)
            yield
        finally:
            if self.peer:
                self.peer.stop()
            self.files.stop()
            self.files_first.stop()
            starting.clear(self)
            self.seatline.keep_logs(self.work / "logs")
            self.seatline.close()

    def run(self):
        for name in self.groups:
            prepare = getattr(GROUPS[name], "prepare", None)
            if prepare:
                prepare(self)
        for self.round in range(self.rounds):
            print(f"round {self.round + 1} of {self.rounds}", flush=True)
            self.figures.round = self.round
            for name in self.groups:
                if self.round < ROUNDS_MAX.get(name, self.rounds):
                    self.case(name, lambda: GROUPS[name].run(self))
            self.memory.end_round()
        self.case("the read model equals the write model", self.verify)

    def end(self):
        """Whatever was measured is kept; what the project tells is a full run's in which nothing
        failed."""
        about = report.about(self)
        self.figures.write(self.work / "results.json", about)
        results = report.rendered(self.figures, about)
        (self.work / "RESULTS.md").write_text(results, encoding="utf-8")
        if self.quick or self.groups != list(GROUPS) or self.failed:
            return
        needs = capacity.rendered(self.figures, about)
        CAPACITY.parent.mkdir(exist_ok=True)
        CAPACITY.write_text(needs, encoding="utf-8")
        (HERE / "RESULTS.md").write_text(results, encoding="utf-8")
        growth.plot(self.figures, HERE)

    @property
    def failed(self):
        return bool(self.cases.findall(".//failure"))

    def verify(self):
        self.seatline.rest()
        self.seatline.assert_verified()

    def case(self, name, work):
        """One that fails does not stop the others; its rows then have no figures."""
        print(f"  {name}", flush=True)
        begun = time.monotonic()
        case = ElementTree.SubElement(self.cases, "testcase", classname="bench", name=name)
        try:
            with self.figures.all_or_none():
                work()
        except Exception as error:  # whatever went wrong is told, and counted
            traceback.print_exc()
            ElementTree.SubElement(case, "failure", message=repr(error)[:500])
            self.peer.stop()
        case.set("time", f"{time.monotonic() - begun:.1f}")
        print(f"  {name}: {case.get('time')} s", flush=True)

    # --- for the groups --------------------------------------------------------------------------

    def warm(self, load):
        """load(seconds), which does not count."""
        if not self.quick:
            load(WARM_S if self.round else FIRST_WARM_S)

    def settle(self):
        if not self.quick:
            self.seatline.settle()

    def unless_quick(self, measurements):
        """What is measured as others are, and need not be tried, too."""
        return [] if self.quick else measurements

    def rotated(self, items):
        """Each round begins with another one."""
        at = self.round % len(items)
        return items[at:] + items[:at]

    def in_turn(self, measurements):
        for measure in self.rotated(measurements):
            measure()

    def fresh_name(self, name):
        self.names += 1
        return f"{name}-{self.names}"

    @contextlib.contextmanager
    def cpu(self, name):
        """Microseconds of a processor that each process needs for one of cpu.operations."""
        cpu = Cpu(self.seatline)
        yield cpu
        for process, spent in cpu.spent().items():
            self.figures.add(f"cpu.{name}.{process}", spent * 1e6 / cpu.operations, "us")


def arguments():
    parser = argparse.ArgumentParser(usage=__doc__, add_help=False)
    for name in ("--tools", "--peer", "--work"):
        parser.add_argument(name, required=True)
    parser.add_argument("--junit")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=int, default=SECONDS)
    parser.add_argument("--only", action="append", choices=list(GROUPS))
    parser.add_argument("--quick", action="store_true")
    return parser.parse_args()


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to stop"))
    bench = Bench(options)
    bench.work.mkdir(parents=True, exist_ok=True)
    with bench.everything():
        bench.run()
    bench.end()
    if options.junit:
        ElementTree.ElementTree(bench.cases).write(options.junit)
    return 1 if bench.failed else 0


if __name__ == "__main__":
    sys.exit(main())
