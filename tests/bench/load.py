"""wrk, told what to ask for, and what it says."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
THREADS = 2
ANSWER_S = 10
END_S = 30


@dataclass
class Load:
    """Of one run of wrk. ok: answers with 2xx or 3xx; only these count as a rate."""

    requests: int
    ok: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def per_s(self):
        return self.ok / self.seconds


def command(url, connections, seconds, script, headers=()):
    threads = min(THREADS, connections)
    return ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", f"--timeout={ANSWER_S}s",
            "-s", str(HERE / script), *(part for text in headers for part in ("-H", text)), url]


def wrk(url, connections, seconds, script="summary.lua", headers=()):
    done = subprocess.run(
        command(url, connections, seconds, script, headers), check=True, text=True,
        timeout=seconds + END_S, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        env={**os.environ, "LUA_PATH": f"{HERE}/?.lua"})
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["requests"] > told["refused"], (url, told)
    return Load(told["requests"], told["requests"] - told["refused"], told["us"] / 1e6,
                told["p50_us"] / 1000, told["p99_us"] / 1000)


def book(port, connections, seconds):
    """POST /api/book, one seat each."""
    return wrk(f"http://127.0.0.1:{port}", connections, seconds, "book.lua")
