"""More clients at once than Python can be: faults/campaigns/flood.c, and its record."""

import json
import resource
import subprocess
from dataclasses import dataclass
from pathlib import Path

from support.stack import ROOT

SOURCE = ROOT / "tests" / "faults" / "campaigns" / "flood.c"
COMPILE_S = 60
BEGIN_AND_END_S = 30
FILES = 8192
# Whoever measures must not wait for a processor that what is measured uses. Only root may.
FIRST = ["sh", "-c", "echo -10 2>/dev/null >/proc/self/autogroup; exec \"$@\"", "first"]


def _raise_limits():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES, most), most))


@dataclass
class Flooded:
    """counts: what flood.c says of itself. record: as support/traffic.py's, without those who were
    turned away at once."""

    seconds: float
    counts: dict
    record: list

    @property
    def accepted_per_s(self):
        return self.counts["accepted"] / self.seconds

    def check_answered(self):
        """Everybody got a 202 or a 503 that says when to come again."""
        counts = self.counts
        assert counts["sent"] == counts["accepted"] + counts["refused"], counts
        assert counts["without_retry_after"] == 0, counts


class Flood:
    def __init__(self, port, directory):
        self.port, self.directory = port, Path(directory)
        self.program = self.directory / "flood"
        subprocess.run(["cc", "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror",
                        "-o", self.program, SOURCE], check=True, timeout=COMPILE_S)

    def run(self, events, seats, *, connections, seconds, rate=0, requests=0, users=2000):
        """rate 0: as fast as the answers come. requests 0: any number."""
        record = self.directory / "flood.jsonl"
        done = subprocess.run(
            [*FIRST, self.program, *map(str, (self.port, connections, rate, seconds, requests,
                                              users, seats, record)), *events],
            timeout=seconds + BEGIN_AND_END_S, stdout=subprocess.PIPE, text=True, check=True,
            stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=_raise_limits)
        with open(record) as lines:
            return Flooded(seconds, json.loads(done.stdout), [json.loads(line) for line in lines])
