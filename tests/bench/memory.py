"""Resident memory of the four programs, as /proc tells it: idle, and at the end of each load."""

import time

from seatline import PROGRAMS, resident_kb

MB = 1024
SETTLE_S = 17  # FOOTPRINT_AGAIN_MS, and two seconds


class Memory:
    """The most that was seen of each program in this round."""

    def __init__(self, bench):
        self.bench = bench
        self.ours, self.peers = {}, {}

    def note(self, *programs):
        for program in programs:
            seen = self.bench.seatline.resident_kb(program)
            self.ours[program] = max(seen, self.ours.get(program, 0))

    def note_peer(self, *programs):
        for program in programs:
            seen = resident_kb(self.bench.peer.pid(program))
            self.peers[program] = max(seen, self.peers.get(program, 0))

    def end_round(self):
        """Only what all four have been seen in can be added up, and only in a round that had the
        loads of both."""
        full = all(len(seen) == len(PROGRAMS) for seen in (self.ours, self.peers))
        for name, seen in (("ours", self.ours), ("peer", self.peers)):
            for program, kilobytes in seen.items():
                self.bench.figures.add(f"memory.{program}.{name}", kilobytes / MB, "MB")
            if full:
                self.bench.figures.add(f"memory.loaded.{name}", sum(seen.values()) / MB, "MB")
        self.ours, self.peers = {}, {}


def run(bench):
    """Started, settled and not used yet."""
    seatline = bench.seatline
    seatline.run_only()
    seatline.run_only(*PROGRAMS)
    time.sleep(0 if bench.quick else SETTLE_S)
    for program in PROGRAMS:
        bench.figures.add(f"memory.idle_{program}.ours", seatline.resident_kb(program) / MB, "MB")
