"""Connections to a Seatline that start-services.sh runs somewhere, and when it is at rest."""

import os
import shlex
import subprocess
from pathlib import Path

import psycopg
import pymongo

from support.facts import TOLD, TOPIC, ends_of
from support.wait import wait_for

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


def is_decided(stack):
    """All that Kafka has stored."""
    ends = ends_of(stack.kafka_brokers, TOPIC)
    with stack.pg() as connection:
        progress = dict(connection.execute(
            "SELECT partition, next_offset FROM partition_progress WHERE topic = %s", (TOPIC,)))
    return all(progress.get(partition, 0) >= end for partition, end in ends.items() if end > 0)


def is_read(stack):
    """All that was decided: it is in MongoDB, and told to booking_events."""
    with stack.pg() as connection:
        newest = connection.execute(
            "SELECT xid::text::bigint, seq FROM booking_log"
            " ORDER BY xid DESC, seq DESC LIMIT 1").fetchone()
        told = connection.execute(
            "SELECT xid::text::bigint, seq FROM outbox_progress WHERE sink LIKE %s"
            " ORDER BY changed_at DESC LIMIT 1", ("%/" + TOLD,)).fetchone()
    if newest is None:
        return True
    state = stack.mongo()["projector_state"].find_one({"_id": "booking_log"})
    return bool(told and state) and min(
        told, (int(state["xid"]), int(state["seq"]))) >= newest


def are_holds_ended(stack):
    with stack.pg() as connection:
        return connection.execute(
            "SELECT NOT EXISTS (SELECT FROM bookings WHERE status = 'held'"
            " AND expires_at <= clock_timestamp())").fetchone()[0]


def wait_rest(stack, within, sweeps=True):
    """Until nothing is under way any more. Answers what still was when the time was over, or None:
    what is lost never comes, and that is for the checker to say."""
    for what, is_so in (("requests that are not decided", is_decided),
                        ("holds that have run out", are_holds_ended),
                        ("decisions that readers do not have", is_read)):
        if is_so is are_holds_ended and not sweeps:
            continue
        try:
            wait_for(lambda: is_so(stack), within, what)
        except AssertionError:
            return what
    return None
