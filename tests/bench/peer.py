"""The Node.js peer, peer-node/, with its defaults, on the servers that Seatline has."""

import os
import subprocess
import time
from pathlib import Path

from support.process import is_alive

EVENTS = 20   # as its own run.sh has it
SEATS = 1000
SETUP_S = 60
READY_S = 20
STOP_S = 20
PROGRAMS = {"write-api": "write-api.js", "worker": "worker.js", "projector": "data-sync.js",
            "read-api": "read-api.js"}  # ours are called so, too


class Peer:
    """home: where npm put it. write_port, read_port: where its two APIs listen."""

    def __init__(self, home, seatline, write_port, read_port, logs):
        self.home, self.logs = Path(home), Path(logs)
        self.write_port, self.read_port = write_port, read_port
        self.children, self.groups = {}, 0
        base, secrets = seatline.base, seatline.secrets
        self.env = {
            **os.environ, "EVENTS": str(EVENTS), "SEATS": str(SEATS),
            "WRITE_PORT": str(write_port), "READ_PORT": str(read_port),
            "KAFKA_BROKER": seatline.kafka_brokers,
            "REDIS_URL": f"redis://seatline_admin:{secrets['REDIS_ADMIN_PASSWORD']}"
                         f"@127.0.0.1:{base + 379}",
            "PGHOST": "127.0.0.1", "PGPORT": str(base + 432), "PGUSER": "postgres",
            "PGPASSWORD": secrets["PG_ADMIN_PASSWORD"],
            "MONGO_URL": f"mongodb://seatline_admin:{secrets['MONGO_ADMIN_PASSWORD']}"
                         f"@127.0.0.1:{base + 17}/?directConnection=true&authSource=admin",
        }

    def node(self, *arguments, within=SETUP_S):
        done = subprocess.run(["node", *arguments], cwd=self.home, env=self.env, text=True,
                              timeout=within, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        assert done.returncode == 0, (arguments, done.stdout)
        return done.stdout

    def setup(self):
        """All made anew, every seat available. A group of its own each time: its worker leaves
        none when it is stopped, and the next one would wait for it to be missed."""
        self.stop()
        self.groups += 1
        self.env["KAFKA_GROUP"] = f"peer-booking-group-{self.groups}"
        self.node("setup.js")

    def start(self, program):
        """Answers the seconds until it said that it was ready."""
        log_file, from_s = self.logs / f"peer-{program}.log", time.monotonic()
        with open(log_file, "wb") as log:
            child = self.children[program] = subprocess.Popen(
                ["node", PROGRAMS[program]], cwd=self.home, env=self.env, stdout=log, stderr=log,
                stdin=subprocess.DEVNULL, start_new_session=True)
        while b"ready" not in log_file.read_bytes():
            assert is_alive(child.pid), log_file.read_text()
            assert time.monotonic() - from_s < READY_S, f"{program} is not ready"
            time.sleep(0.005)
        return time.monotonic() - from_s

    def pid(self, program):
        return self.children[program].pid

    def stop(self, *programs):
        """All of them when none is named."""
        for program in programs or tuple(self.children):
            child = self.children.pop(program)
            child.terminate()
            try:
                child.wait(STOP_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait(STOP_S)
