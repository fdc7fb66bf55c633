"""How long programs, and the whole of it, take to start; on a system of its own.

Usage: starts.py --state DIR --rounds N [--idle] [--brief]

DIR becomes SEATLINE_STATE_DIR and is reset at the end; start-services.sh has ports and builds from
the environment. Stdout is one JSON object of lists, N values each:

  services_stopped, services_reset  seconds from ./start-services.sh, with and without data, to its
                                    end, when all is ready
  write-api, worker, projector, read-api  milliseconds from fork to /readyz's first 200
  worker_back                       seconds from SIGTERM of the only worker, whose successor is
                                    started when it has ended, to a booking's outcome read by HTTP
  cpu.starts.WHAT.PROCESS           processor time in µs: of a program until it is ready, of each
                                    process until all is ready; script: start-services.sh
With --brief only services_reset, and of the programs only the worker.
With --idle, of each program some seconds after its start, in MB:
  idle_NAME, anonymous_NAME         resident; and without the pages of files, which all share
"""

import argparse
import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import cpu

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ("write-api", "worker", "projector", "read-api")
OPS_OFFSET = {"write-api": 200, "worker": 220, "projector": 240, "read-api": 260}
WITHIN_S = 60
IDLE_S = 4
POLL_S = 0.001
ALIVE_HEAD = b"HTTP/1.1 200 "


class System:
    """What start-services.sh starts in a state directory of its own."""

    def __init__(self, state):
        self.state = Path(state).resolve()
        self.env = {**os.environ, "SEATLINE_STATE_DIR": str(self.state), "SEATLINE_MODE": "native"}
        self.port_base = int(self.env.get("SEATLINE_PORT_BASE", "18000"))
        self.url = f"http://127.0.0.1:{self.env.get('SEATLINE_GATEWAY_PORT', '8080')}"

    def services(self, *arguments):
        """Runs start-services.sh; the seconds that it took."""
        begun = time.monotonic()
        done = subprocess.run([ROOT / "start-services.sh", *arguments], env=self.env, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if done.returncode != 0:
            sys.exit(f"start-services.sh {' '.join(arguments)} failed:\n{done.stdout}")
        return time.monotonic() - begun

    def pid(self, program):
        return int((self.state / "pid" / f"{program}-0.pid").read_text().split()[0])

    def spent_s(self):
        """(process, seconds of a processor since it started) of all that run."""
        for file in sorted((self.state / "pid").glob("*.pid")):
            name = file.stem.removesuffix("-0")
            yield name, cpu.spent_s(int(file.read_text().split()[0]), name in cpu.Cpu.FAMILIES)

    def launch_of(self, program):
        """Its file and environment, as start-services.sh gave them."""
        process = Path(f"/proc/{self.pid(program)}")
        pairs = (process / "environ").read_text().rstrip("\0").split("\0")
        return os.readlink(process / "exe"), dict(pair.split("=", 1) for pair in pairs)

    def is_ready(self, program):
        address = ("127.0.0.1", self.port_base + OPS_OFFSET[program])
        with contextlib.suppress(OSError), socket.create_connection(address, 1) as connection:
            connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            return connection.recv(len(ALIVE_HEAD)) == ALIVE_HEAD
        return False

    def book(self):
        body = json.dumps({"userId": f"user-{time.time_ns()}", "eventId": "concert123",
                           "seatId": "A1"})
        request = urllib.request.Request(f"{self.url}/api/book", body.encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=WITHIN_S) as answer:
            return json.load(answer)["bookingId"]

    def has_outcome(self, booking):
        with contextlib.suppress(urllib.error.HTTPError):
            with urllib.request.urlopen(f"{self.url}/api/bookings/{booking}",
                                        timeout=WITHIN_S) as answer:
                return json.load(answer)["status"] != "pending"
        return False


def wait_for(condition, what):
    end = time.monotonic() + WITHIN_S
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"not within {WITHIN_S} s: {what}")
        time.sleep(POLL_S)


class Launched:
    """A program that is started without start-services.sh, which takes longer than most of them."""

    def __init__(self, system, program):
        self.system, self.program = system, program
        self.file, self.env = system.launch_of(program)
        self.process = None

    def __enter__(self):
        self.system.services("stop", self.program)
        return self

    def __exit__(self, *_):
        self.stop()
        self.system.services("up", self.program)

    def start(self):
        self.process = subprocess.Popen([self.file], env=self.env, stderr=subprocess.DEVNULL)

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(WITHIN_S)
        self.process = None

    def wait_ready(self):
        wait_for(lambda: self.system.is_ready(self.program), f"{self.program} is ready")

    def spent_us(self):
        """Of the threads that are there, to the nanosecond; stat has hundredths of a second."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1000

    def resident_mb(self):
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        sizes = {line.split()[0]: int(line.split()[1]) for line in lines if line.endswith(" kB")}
        return sizes["VmRSS:"] / 1024, sizes["RssAnon:"] / 1024


def measure_services(system, add, brief):
    """Ends with everything running, on new data."""
    ways = (("services_stopped", "stop"), ("services_reset", "reset"))
    if not brief:
        system.services("up")
    for what, command in ways[1:] if brief else ways:
        system.services(command)
        before = script_s()
        add(what, system.services("up"))
        add(f"cpu.starts.{what}.script", (script_s() - before) * 1e6)
        for name, spent in system.spent_s():
            add(f"cpu.starts.{what}.{name}", spent * 1e6)


def script_s():
    """Of start-services.sh and whatever it has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure_program(system, program, add, with_idle):
    with Launched(system, program) as launched:
        begun = time.monotonic()
        launched.start()
        launched.wait_ready()
        add(program, (time.monotonic() - begun) * 1000)
        add(f"cpu.starts.{program}.{program}", launched.spent_us())
        if with_idle:
            time.sleep(IDLE_S)
            resident, anonymous = launched.resident_mb()
            add(f"idle_{program}", resident)
            add(f"anonymous_{program}", anonymous)


def measure_worker_back(system, add):
    with Launched(system, "worker") as launched:
        launched.start()
        first = system.book()
        wait_for(lambda: system.has_outcome(first), "the first worker decides")
        begun = time.monotonic()
        launched.stop()
        launched.start()
        second = system.book()
        wait_for(lambda: system.has_outcome(second), "the second worker decides")
        add("worker_back", time.monotonic() - begun)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--state", required=True)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--idle", action="store_true")
    parser.add_argument("--brief", action="store_true")
    options = parser.parse_args()
    system, values = System(options.state), {}

    def add(name, value):
        values.setdefault(name, []).append(round(value, 3))

    try:
        for _ in range(options.rounds):
            measure_services(system, add, options.brief)
            for program in PROGRAMS if not options.brief else ("worker",):
                measure_program(system, program, add, options.idle)
            if not options.brief:
                measure_worker_back(system, add)
    finally:
        system.services("reset")
    print(json.dumps(values))


if __name__ == "__main__":
    main()
