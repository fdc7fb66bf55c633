"""One Seatline of our own, brought up by start-services.sh: real servers, nginx in front.

Everything is below a directory of its own and on ports of its own, and goes away with close().
"""

import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import confluent_kafka
import psycopg
import pymongo
import redis as redis_client
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from support.ids import issue_booking_id
from support.process import Process
from support.wait import wait_for
from support.web import Client

ROOT = Path(__file__).resolve().parents[2]
TOPIC = "booking_requests"
DLQ = "booking_requests.dlq"
GROUP = "booking-workers"
LANES = 2  # consumers in one worker
MESSAGE = "Booking request received and is being processed."
UP_S = 300  # compiles nothing, but creates four servers' data
STOP_S = 120
KAFKA_S = 20
KAFKA_TRY_S = 5  # without a sign of life: then another client is tried
READY_S = 30
INSTANCES = {"write-api": 2, "worker": 2, "projector": 2, "read-api": 2}
SERVERS = ("kafka", "postgresql", "redis", "mongodb", "nginx")
KAFKA_PROXIES = (301, 302, 303)  # offsets of the ports of support/toxiproxy.py before Kafka
OPS_PORTS = {"write-api": 200, "worker": 220, "projector": 240, "read-api": 260}
NOT_KEPT = {"Cache-Control": "no-cache"}
LOAD_THREADS = 32

TTL_MS = 120_000  # of a hold, where the event says nothing else
# Columns of an event that decisions look at.
RULES = ("hold_ttl_ms", "hold_extensions_max", "seats_per_user_max", "holds_per_user_max",
         "sales_open_at", "sales_close_at", "cancelled_at")

_numbers = itertools.count(1)


def dashed(headers):
    """Header names as Python's keywords can say them: Idempotency_Key."""
    return {name.replace("_", "-"): value for name, value in headers.items()}


def partitions_of(admin, topic):
    return list(admin.list_topics(topic, timeout=KAFKA_TRY_S).topics[topic].partitions)


def read_pairs(path):
    lines = Path(path).read_text().splitlines()
    return dict(line.partition("=")[::2] for line in lines if "=" in line)


class Stack:
    """SEATLINE_STATE_DIR, _PORT_BASE, _GATEWAY_PORT and _BUILD_DIR say where, when they are set.
    prefix: a command that takes start-services.sh as its arguments; settings: of it, as it reads
    them from the environment."""

    def __init__(self, state=None, base=None, gateway_port=None, prefix=(), settings=None):
        given = os.environ.get
        state = (state or given("SEATLINE_STATE_DIR")
                 or tempfile.mkdtemp(prefix="seatline-test-"))
        self.state = Path(state).resolve()
        self.base = base or int(given("SEATLINE_PORT_BASE") or "28000")
        self.gateway_port = gateway_port or int(given("SEATLINE_GATEWAY_PORT") or "28080")
        self.prefix = prefix
        self.build = Path(given("SEATLINE_BUILD_DIR") or ROOT / ".run" / "build-test").resolve()
        self.env = {
            **os.environ,
            "SEATLINE_STATE_DIR": str(self.state),
            "SEATLINE_PORT_BASE": str(self.base),
            "SEATLINE_GATEWAY_PORT": str(self.gateway_port),
            "SEATLINE_BUILD_DIR": str(self.build),
            "SEATLINE_MODE": "native",
            # Each test makes its events: the projector should not take a second to see them.
            "EVENTS_CHECK_MS": "100",
            "KAFKA_PROXY_PORTS": " ".join(str(self.base + port) for port in KAFKA_PROXIES),
            **{f"{program.upper().replace('-', '_')}_INSTANCES": str(count)
               for program, count in INSTANCES.items()},
            **(settings or {}),
        }
        self.kafka_brokers = f"127.0.0.1:{self.base + 92}"
        self.web = Client(self.gateway_port)
        self.services = {}
        self.kafka_client = None
        self.users = itertools.count(1)

    # --- the whole of it -------------------------------------------------------------------

    def script(self, *arguments, within=UP_S):
        done = subprocess.run(
            [*self.prefix, ROOT / "start-services.sh", *arguments], env=self.env, cwd=ROOT,
            timeout=within, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )
        assert done.returncode == 0, f"{done.args}: {done.returncode}\n{done.stdout}"
        return done.stdout

    def open(self):
        self.script("up")
        self.secrets = read_pairs(self.state / "secrets")
        self.services = {
            name: Process(name, self.state / "pid" / f"{name}.pid",
                          self.state / "log" / f"{name}.log")
            for name in [*SERVERS, *self.instances()]}

    def close(self):
        """Also after a failed open(): stops all of it and deletes its data."""
        for service in self.services.values():
            if service.is_running:
                service.resume()
        self.stop([name for name in self.instances()
                   if name in self.services and self[name].is_running])
        self.script("reset", within=STOP_S)
        shutil.rmtree(self.state, ignore_errors=True)

    def keep_logs(self, directory):
        shutil.rmtree(directory, ignore_errors=True)
        if (self.state / "log").is_dir():
            shutil.copytree(self.state / "log", directory)

    def instances(self, program=None):
        return [f"{name}-{i}" for name, count in INSTANCES.items() for i in range(count)
                if program in (None, name)]

    def __getitem__(self, name):
        return self.services[name]

    def ops(self, name):
        """A client of a program's private port: stack.ops("worker-0")."""
        program, _, instance = name.rpartition("-")
        return Client(self.base + OPS_PORTS[program] + int(instance))

    def is_ready(self, name):
        return self.ops(name).get("/readyz").status == 200

    def start_server(self, name):
        """The way a user would."""
        self.script("up", name)
        self.kafka_client = None

    def stop(self, names):
        """All at the same time."""
        for name in names:
            self[name].send(signal.SIGTERM)
        for name in names:
            self[name].wait_end(STOP_S)

    def restart(self, names):
        self.stop(names)
        for name in names:
            self[name].start()

    @contextlib.contextmanager
    def changed(self, settings):
        """settings: name -> environment. Meanwhile these run, and are started again, with that in
        their environment; an empty value is the program's default."""
        for name, environment in settings.items():
            self[name].changes = environment
        try:
            self._start_anew(settings)
            yield
        finally:
            for name in settings:
                self[name].changes = {}
            self._start_anew(settings)

    def _start_anew(self, names):
        running = [name for name in names if self[name].is_running]
        for name in running:
            self[name].resume()
        self.stop(running)
        for name in names:
            self[name].start()
        self.wait_ready(names)

    def wait_ready(self, names):
        for name in names:
            wait_for(lambda: self.is_ready(name), READY_S, f"{name} is ready")
        if set(names) & set(self.instances("worker")):
            self.wait_workers_own_all()

    def heal(self):
        """Whatever a test before this one left stopped or paused runs again, and is ready."""
        # A client that saw its broker go may never again find the group's coordinator.
        self.kafka_client = None
        for service in self.services.values():
            if service.is_running:
                service.resume()
        stopped = [name for name in SERVERS if not self[name].is_running]
        if stopped:
            self.script("up", *stopped)
        for name in self.instances():
            if not self[name].is_running:
                self[name].start()
        self.wait_ready(self.instances())
        wait_for(lambda: self.web.get("/healthz").status == 200, READY_S, "/healthz is 200")

    def wait_workers_own_all(self):
        """Until the running workers, and only they, share every partition of the topic."""
        running = sum(self[name].is_running for name in self.instances("worker"))

        def is_settled(admin):
            futures = admin.describe_consumer_groups([GROUP], request_timeout=KAFKA_TRY_S)
            group = futures[GROUP].result(2 * KAFKA_TRY_S)
            owned = [p for member in group.members for p in member.assignment.topic_partitions]
            return (group.state == confluent_kafka.ConsumerGroupState.STABLE
                    and len(owned) == len(partitions_of(admin, TOPIC))
                    and len(group.members) == running * LANES)

        self.ask_kafka(is_settled, READY_S, "the consumer group is stable")

    # --- the stores --------------------------------------------------------------------------

    def pg(self):
        return psycopg.connect(
            host="127.0.0.1", port=self.base + 432, user="postgres", dbname="seatline",
            password=self.secrets["PG_ADMIN_PASSWORD"], autocommit=True, connect_timeout=5,
            options="-c statement_timeout=20000",
        )

    def pg_rows(self, sql, *parameters):
        with self.pg() as connection:
            cursor = connection.execute(sql, parameters)
            return cursor.fetchall() if cursor.description else []

    def pg_value(self, sql, *parameters):
        return self.pg_rows(sql, *parameters)[0][0]

    def mongo(self):
        client = pymongo.MongoClient(
            "127.0.0.1", self.base + 17, directConnection=True, username="seatline_admin",
            password=self.secrets["MONGO_ADMIN_PASSWORD"], authSource="admin",
            serverSelectionTimeoutMS=5000, socketTimeoutMS=20000, connectTimeoutMS=5000,
        )
        return client["seatline"]

    def redis(self):
        return redis_client.Redis(
            host="127.0.0.1", port=self.base + 379, socket_timeout=5, socket_connect_timeout=5,
            username="seatline_admin", password=self.secrets["REDIS_ADMIN_PASSWORD"],
            decode_responses=True,
        )

    # --- Kafka ---------------------------------------------------------------------------------

    def kafka_as(self, name, password=None):
        """What a client of Kafka begins with: its user seatline_<name>, where it has users."""
        client = {"bootstrap.servers": self.kafka_brokers}
        if self.env.get("SECURE", "0") == "0":
            return client
        return {**client, "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN",
                "sasl.username": f"seatline_{name}",
                "sasl.password": password or self.secrets[f"KAFKA_{name.upper()}_PASSWORD"]}

    def ask_kafka(self, question, within, what):
        """The first truthy answer of question(admin). A client is kept as long as it answers: one
        that asks a broker which was frozen, and is not let in again yet, is told that there is no
        broker, drops the one it knew, and may never find it again."""
        def ask():
            admin, self.kafka_client = self.kafka_client or AdminClient({
                **self.kafka_as("admin"), "reconnect.backoff.max.ms": 200, "log_level": 0}), None
            answer = question(admin)
            self.kafka_client = admin
            return answer

        return wait_for(ask, within, what)

    def partitions(self, topic=TOPIC):
        return self.ask_kafka(lambda admin: len(partitions_of(admin, topic)), KAFKA_S,
                              f"Kafka tells the partitions of {topic}")

    def kafka_ends(self, topic=TOPIC):
        """The next offset of each partition: a mark for messages_since()."""
        def ends(admin):
            wanted = {TopicPartition(topic, p): OffsetSpec.latest()
                      for p in partitions_of(admin, topic)}
            futures = admin.list_offsets(wanted, request_timeout=KAFKA_TRY_S)
            return {at.partition: future.result(2 * KAFKA_TRY_S).offset
                    for at, future in futures.items()}

        return self.ask_kafka(ends, KAFKA_S, f"Kafka tells how long {topic} is")

    def messages_since(self, mark, topic=TOPIC):
        """All messages stored after the mark, in each partition's order."""
        ends = self.kafka_ends(topic)
        wanted = {p: (mark.get(p, 0), end) for p, end in ends.items() if end > mark.get(p, 0)}
        return wait_for(lambda: self._messages(topic, wanted), KAFKA_S,
                        f"Kafka gives what {topic} has") if wanted else []

    def _messages(self, topic, wanted):
        """wanted: partition -> (first offset, the one after the last). By a client of its own."""
        left, messages = dict(wanted), []
        consumer = confluent_kafka.Consumer({
            **self.kafka_as("admin"), "group.id": "tests",
            "enable.auto.commit": False, "enable.partition.eof": True,
        })
        try:
            consumer.assign([TopicPartition(topic, p, first) for p, (first, _) in left.items()])
            deadline = time.monotonic() + KAFKA_TRY_S
            while left:
                assert time.monotonic() < deadline, f"read {len(messages)} messages, then no more"
                for message in consumer.consume(1000, timeout=1):
                    deadline = time.monotonic() + KAFKA_TRY_S
                    partition = message.partition()
                    if message.error():
                        if message.error().code() == confluent_kafka.KafkaError._PARTITION_EOF:
                            left.pop(partition, None)
                            continue
                        raise confluent_kafka.KafkaException(message.error())
                    messages.append(message)
                    if message.offset() + 1 >= wanted[partition][1]:
                        left.pop(partition, None)
        finally:
            consumer.close()
        return messages

    def produce(self, messages, topic=TOPIC):
        """messages: (partition, key, value, headers), all acknowledged when this returns."""
        refused = []
        producer = confluent_kafka.Producer({
            **self.kafka_as("admin"), "acks": "all", "linger.ms": 5,
            "message.timeout.ms": KAFKA_S * 1000,
        })
        for partition, key, value, headers in messages:
            producer.produce(topic, value=value, key=key, partition=partition, headers=headers,
                             on_delivery=lambda error, _: error and refused.append(error))
            producer.poll(0)
        left = producer.flush(KAFKA_S)
        assert left == 0 and not refused, (left, refused[:3])

    # --- the domain ------------------------------------------------------------------------------

    def create_event(self, seats, name="e", blocked=0, **rules):
        """An event nobody else uses, with seats S1..Sn, the first of them blocked; answers its id
        once its map is readable."""
        return self.create_events(1, seats, name, blocked, **rules)[0]

    def create_events(self, count, seats, name="e", blocked=0, price_minor=0, **rules):
        """price_minor: of S1; S2 costs twice as much, and so on. rules: see RULES."""
        assert set(rules) <= set(RULES), rules
        ids = [f"{name}-{os.getpid()}-{next(_numbers)}" for _ in range(count)]
        columns = "".join(f", {column}" for column in rules)
        values = ", %s" * len(rules)
        with self.pg() as connection, connection.transaction():
            connection.execute(
                f"INSERT INTO events (event_id, name, starts_at{columns})"
                f" SELECT id, 'Test ' || id, '2030-01-01Z'{values} FROM unnest(%s::text[]) AS id",
                (*rules.values(), ids))
            connection.execute(
                "INSERT INTO seats"
                " (event_id, seat_id, position, section, row_name, number, price_minor, status)"
                " SELECT id, 'S' || n, n - 1, 'Hall', 'A', n, n * %s,"
                " CASE WHEN n <= %s THEN 'blocked' ELSE 'available' END"
                " FROM unnest(%s::text[]) AS id, generate_series(1, %s) AS n",
                (price_minor, blocked, ids, seats))
        for event_id in ids:
            wait_for(lambda: len(self.seat_map(event_id)["seats"]) == seats, READY_S,
                     f"the map of {event_id} is readable")
        return ids

    def change_event(self, event_id, **rules):
        """The way an operator does."""
        assert set(rules) <= set(RULES), rules
        columns = "".join(f"{column} = %s, " for column in rules)
        with self.pg() as connection:
            connection.execute(
                f"UPDATE events SET {columns}version = version + 1 WHERE event_id = %s",
                (*rules.values(), event_id))

    def clock(self, offset="0"):
        """PostgreSQL's, by which everything is decided; offset: '-1 hour'."""
        return self.pg_value("SELECT clock_timestamp() + %s::interval", offset)

    def user(self):
        return f"u{next(self.users)}"

    def book(self, event_id, seat_id, user_id=None, **headers):
        """POST /api/book; whatever the answer."""
        body = {"userId": user_id or self.user(), "eventId": event_id, "seatId": seat_id}
        return self.web.post("/api/book", body, dashed(headers))

    def booked_id(self, *arguments, **headers):
        """The same, when nothing but a 202 will do."""
        answer = self.book(*arguments, **headers)
        assert answer.status == 202, answer
        return answer.json()["bookingId"]

    def hold(self, event_id, seat_ids, user_id=None, mode=None, **headers):
        """POST /api/bookings; whatever the answer. mode None: not sent."""
        body = {"userId": user_id or self.user(), "eventId": event_id, "seatIds": seat_ids}
        if mode:
            body["mode"] = mode
        return self.web.post("/api/bookings", body, dashed(headers))

    def held(self, event_id, seat_ids, user_id=None, mode=None, **headers):
        """The same, when nothing but a booking with these seats will do; answers it. A short hold
        may have run out by then."""
        answer = self.hold(event_id, seat_ids, user_id, mode, **headers)
        assert answer.status == 202, answer
        booking = self.outcome(answer.json()["bookingId"])
        first = "confirmed" if mode == "book" else "held"
        assert booking["history"][0]["status"] == first, booking
        return booking

    def command(self, booking_id, verb, user_id=None, body=None, **headers):
        """PUT /api/bookings/<id>/<verb>, verb "delete": DELETE; whatever the answer."""
        body = {**(body or {}), **({"userId": user_id} if user_id else {})}
        if verb == "delete":
            return self.web.request("DELETE", f"/api/bookings/{booking_id}", body or None,
                                    dashed(headers))
        return self.web.request("PUT", f"/api/bookings/{booking_id}/{verb}", body, dashed(headers))

    def decision(self, booking_id, verb, user_id=None, body=None, **headers):
        """The same, when nothing but a 202 will do; answers the history's entry about it."""
        answer = self.command(booking_id, verb, user_id, body, **headers)
        assert answer.status == 202, answer
        return self.decided(booking_id, answer.json()["commandId"])

    def decided(self, booking_id, command_id, within=10):
        """The history's entry about a command, once there is one."""
        def find():
            entries = self.booking(booking_id).get("history", [])
            return next((e for e in entries if e["command_id"] == command_id), None)
        return wait_for(find, within, f"command {command_id} on {booking_id} is decided")

    def booking(self, booking_id):
        answer = self.web.get(f"/api/bookings/{booking_id}")
        assert answer.status == 200, answer
        return answer.json()

    def outcome(self, booking_id, within=10):
        """The booking, once it is no longer pending."""
        return wait_for(
            lambda: (b := self.booking(booking_id))["status"] != "pending" and b,
            within, f"booking {booking_id} has its outcome")

    def wait_status(self, booking_id, status, within=10):
        return wait_for(
            lambda: (b := self.booking(booking_id))["status"] == status and b,
            within, f"booking {booking_id} is {status}")

    def wait_lapsed(self, booking_id, within=10):
        """Until PostgreSQL's clock is past the hold's end, whether or not anything noticed."""
        wait_for(lambda: self.pg_value(
            "SELECT expires_at <= clock_timestamp() FROM bookings WHERE booking_id = %s",
            booking_id), within, f"the hold {booking_id} has run out")

    def issue_id(self, event_id):
        """A booking id as write-api makes them, for a request that was never stored."""
        return issue_booking_id(event_id, self.secrets["BOOKING_ID_SECRET"])

    def seat_map(self, event_id):
        """As it is now: asked past what read-api and the gateway keep."""
        answer = self.web.get(f"/api/events/{event_id}", NOT_KEPT)
        assert answer.status == 200, answer
        return answer.json()

    def seat(self, event_id, seat_id):
        return next(s for s in self.seat_map(event_id)["seats"] if s["seat_id"] == seat_id)

    def each(self, work, items, threads=LOAD_THREADS):
        """work(item) for each item, on several threads; the answers in the items' order."""
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(work, items))

    def ledger(self, booking_ids):
        """What PostgreSQL says: booking id -> (status, reason, seats_lost)."""
        rows = self.pg_rows(
            "SELECT booking_id::text, status, reason, seats_lost FROM bookings"
            " WHERE booking_id = ANY(%s::uuid[])", list(booking_ids))
        return {row[0]: row[1:] for row in rows}

    def wait_settled(self, booking_ids, within):
        """Until each of these has its outcome in PostgreSQL; answers the ledger."""
        wanted = set(booking_ids)
        wait_for(lambda: len(self.ledger(wanted)) == len(wanted), within,
                 f"{len(wanted)} bookings have their outcome")
        return self.ledger(wanted)

    def wait_readable(self, booking_ids, within=20):
        """Until MongoDB has each of these; answers booking id -> document."""
        wanted = list(set(booking_ids))
        find = lambda: list(self.mongo()["bookings"].find({"_id": {"$in": wanted}}))
        found = wait_for(lambda: len(docs := find()) == len(wanted) and docs, within,
                         f"{len(wanted)} bookings are in the read model")
        return {document["_id"]: document for document in found}

    def history(self, event_id):
        """The event's rows of booking_log, in order."""
        return self.pg_rows(
            "SELECT seq, booking_id::text, booking_version, status, reason, seat_ids, seat_versions"
            " FROM booking_log WHERE event_id = %s ORDER BY seq", event_id)

    def assert_sound(self, event_id, booking_ids):
        """P1, P2, P6 of one event at rest: one owner a seat, one outcome a booking, one log row a
        transition, and no seat changed more often than it was booked."""
        ledger = self.ledger(booking_ids)
        assert set(ledger) == set(booking_ids)
        history = self.history(event_id)
        assert sorted(row[1] for row in history) == sorted(booking_ids)
        confirmed = {b for b, row in ledger.items() if row[0] == "confirmed"}
        assert confirmed | {b for b, row in ledger.items() if row[0] == "rejected"} == set(ledger)
        owners = dict(self.pg_rows(
            "SELECT seat_id, booking_id::text FROM seats WHERE event_id = %s AND status = 'booked'",
            event_id))
        assert set(owners.values()) == confirmed
        versions = self.pg_value("SELECT sum(version) FROM seats WHERE event_id = %s", event_id)
        assert versions == len(owners) == len(confirmed)

    def program(self, name, *arguments, env=None, within=60):
        """Runs one of our programs with what its first instance was started with."""
        return subprocess.run(
            [self.build / name / name, *arguments], timeout=within, text=True,
            env=self[f"{name}-0"].env if env is None else env, cwd=ROOT,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def drain_s(self, program):
        """How long it promises to take at most from SIGTERM to its end: DRAIN_MS of its help."""
        text = self.program(program, "--help").stdout
        return int(re.search(r"DRAIN_MS .*; default: (\d+)", text).group(1)) / 1000

    def verify(self):
        """projector --verify: its exit status and all it printed."""
        done = self.program("projector", "--verify", within=120)
        return done.returncode, done.stdout + done.stderr

    def assert_verified(self, within=20):
        wait_for(lambda: (result := self.verify())[0] == 0 or self._fail(result[1]), within,
                 "projector --verify finds no difference")

    @staticmethod
    def _fail(text):
        raise AssertionError(text[-1500:])

    def metric(self, name, metric, labels=""):
        """The sum of a metric over its series that contain `labels`; None when it is not there."""
        found = None
        for line in self.ops(name).get("/metrics").body.decode().splitlines():
            series, _, value = line.rpartition(" ")
            if series.partition("{")[0] == metric and labels in series:
                found = (found or 0) + float(value)
        return found

    def log_lines(self, name, start=0):
        """The JSON lines a service has written."""
        return [json.loads(line) for line in self[name].log_text(start).splitlines()]
