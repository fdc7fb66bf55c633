"""How fast programs, and the whole of it, start: starts.py, on a system of its own."""

import json
import os
import subprocess
import sys

from load import HERE
from seatline import PROGRAMS

STARTS_S = 240


def run(bench):
    """While nothing else runs."""
    seatline = bench.seatline
    seatline.run_only()
    done = subprocess.run(
        [sys.executable, HERE / "starts.py", "--state", bench.work / "starts", "--rounds", "1"],
        check=True, text=True, timeout=STARTS_S, stdout=subprocess.PIPE,
        env={**os.environ, "SEATLINE_PORT_BASE": str(seatline.base + 1000),
             "SEATLINE_GATEWAY_PORT": str(seatline.gateway_port + 1000)})
    for name, values in json.loads(done.stdout).items():
        for value in values:
            bench.figures.add(f"starts.{name}", value, "ms" if name in PROGRAMS else "s")
