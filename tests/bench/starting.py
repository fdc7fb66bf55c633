"""How fast programs, and the whole of it, start: starts.py, on a system of its own."""

import json
import os
import subprocess
import sys

from load import HERE
from seatline import PROGRAMS
from support.stack import ROOT

STARTS_S = 240
RESET_S = 60
PORTS_APART = 1000


def state(bench):
    return bench.work / "starts"


def environment(bench):
    seatline = bench.seatline
    return {**os.environ, "SEATLINE_STATE_DIR": str(state(bench)),
            "SEATLINE_PORT_BASE": str(seatline.base + PORTS_APART),
            "SEATLINE_GATEWAY_PORT": str(seatline.gateway_port + PORTS_APART)}


def clear(bench):
    """What starts.py leaves behind when it is interrupted."""
    subprocess.run([ROOT / "start-services.sh", "reset"], env=environment(bench), check=True,
                   timeout=RESET_S, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def run(bench):
    """While nothing else runs."""
    bench.seatline.run_only()
    done = subprocess.run(
        [sys.executable, HERE / "starts.py", "--state", state(bench), "--rounds", "1",
         *["--brief"] * bench.quick],
        check=True, text=True, timeout=STARTS_S, stdout=subprocess.PIPE, env=environment(bench))
    for name, values in json.loads(done.stdout).items():
        for value in values:
            if name.startswith("cpu."):
                bench.figures.add(name, value, "us")
            else:
                bench.figures.add(f"starts.{name}", value, "ms" if name in PROGRAMS else "s")
