"""Connections to a Seatline that start-services.sh runs somewhere."""

import os
import shlex
import subprocess
from pathlib import Path

import psycopg
import pymongo

ROOT = Path(__file__).resolve().parents[2]
ENV_S = 20


class Running:
    """state: its state directory; None: where start-services.sh looks by itself."""

    def __init__(self, state=None):
        env = dict(os.environ)
        if state:
            env["SEATLINE_STATE_DIR"] = str(Path(state).resolve())
        done = subprocess.run([ROOT / "start-services.sh", "env"], env=env, cwd=ROOT, text=True,
                              timeout=ENV_S, stdin=subprocess.DEVNULL, capture_output=True)
        if done.returncode != 0:
            raise RuntimeError((done.stderr or done.stdout).strip())
        known = dict(word.partition("=")[::2] for word in shlex.split(done.stdout))
        self.kafka_brokers = known["TEST_KAFKA_BROKERS"]
        self._pg, self._mongo = known["TEST_PG_DSN"], known["TEST_MONGO_URI"]

    def pg(self):
        return psycopg.connect(self._pg, autocommit=True, connect_timeout=5)

    def mongo(self):
        client = pymongo.MongoClient(self._mongo, directConnection=True,
                                     serverSelectionTimeoutMS=5000, socketTimeoutMS=60000)
        return client["seatline"]
