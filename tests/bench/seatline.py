"""The Seatline that is measured: as start-services.sh starts it by itself, one of each program."""

import json
import subprocess
from pathlib import Path

from support import stack
from support.ids import slot_of
from support.wait import wait_for

PROGRAMS = ("write-api", "worker", "projector", "read-api")
PARTITIONS = 12
PRELOAD_S = 120
REST_S = 120
MAPS_S = 60
BLOCK_SEATS = 1000


class Seatline(stack.Stack):
    """tools: the meson build directory that has preload."""

    def __init__(self, tools):
        super().__init__()
        self.preload_program = Path(tools) / "tests" / "bench" / "preload"
        for name in ("EVENTS_CHECK_MS", "KAFKA_PROXY_PORTS"):
            del self.env[name]
        self.env.update({f"{name.upper().replace('-', '_')}_INSTANCES": "1" for name in PROGRAMS})
        self.env["PARTITIONS"] = str(PARTITIONS)
        self.write_port, self.read_port = self.base + 100, self.base + 120
        self.looking = {}

    def instances(self, program=None):
        return [f"{name}-0" for name in PROGRAMS if program in (None, name)]

    def run_only(self, *programs):
        """These programs and no others, all of them ready."""
        wanted = [f"{name}-0" for name in programs]
        self.stop([name for name in self.instances()
                   if name not in wanted and self[name].is_running])
        for name in wanted:
            if not self[name].is_running:
                self[name].start()
        self.wait_ready(wanted)

    # --- looking ---------------------------------------------------------------------------------
    # On connections that are kept: to log in for each look took a fifth of what is measured.

    def pg_rows(self, sql, *parameters):
        if "pg" not in self.looking or self.looking["pg"].closed:
            self.looking["pg"] = self.pg()
        cursor = self.looking["pg"].execute(sql, parameters)
        return cursor.fetchall() if cursor.description else []

    def mongo(self):
        if "mongo" not in self.looking:
            self.looking["mongo"] = super().mongo()
        return self.looking["mongo"]

    def close(self):
        if "pg" in self.looking:
            self.looking["pg"].close()
        super().close()

    # --- the theatre -----------------------------------------------------------------------------

    def add_events(self, ids, seats):
        """Straight into the tables: the projector makes their maps when it runs."""
        with self.pg() as connection, connection.transaction():
            connection.execute("SET LOCAL statement_timeout = 0")
            connection.execute(
                "INSERT INTO events (event_id, name, starts_at)"
                " SELECT id, 'Bench ' || id, '2030-01-01Z' FROM unnest(%s::text[]) AS id", (ids,))
            connection.execute(
                "INSERT INTO seats"
                " (event_id, seat_id, position, section, row_name, number, price_minor)"
                " SELECT id, 'S' || n, n - 1, 'Hall', 'A', n, 5900"
                " FROM unnest(%s::text[]) AS id, generate_series(1, %s) AS n", (ids, seats))

    def wait_maps(self, ids, seats):
        blocks = len(ids) * -(-seats // BLOCK_SEATS)
        maps = self.mongo()["seat_maps"]
        wait_for(lambda: maps.count_documents({"event_id": {"$in": ids}}) == blocks, MAPS_S,
                 f"{blocks} blocks of {len(ids)} events are in the read model")

    def settle(self):
        """What was loaded costs nothing afterwards: no vacuum and no checkpoint in the middle."""
        with self.pg() as connection:
            connection.autocommit = True
            connection.execute("SET statement_timeout = 0")
            connection.execute("VACUUM (ANALYZE) seats, events, bookings, booking_log")
            connection.execute("CHECKPOINT")

    # --- the backlog -----------------------------------------------------------------------------

    def preload(self, events, first, seats, times, order="by-event"):
        """Commands for as many seats of each event, from the first on, TIMES over each; what the
        producer said of itself. order: as preload.c has it."""
        done = subprocess.run(
            [self.preload_program, self.kafka_brokers, stack.TOPIC, str(PARTITIONS),
             self.secrets["BOOKING_ID_SECRET"], str(first), str(seats), str(times),
             order],
            input="".join(f"{event}\n" for event in events), text=True, check=True,
            timeout=PRELOAD_S, stdout=subprocess.PIPE)
        return json.loads(done.stdout)

    def stored(self):
        """Messages in Kafka, ever."""
        return sum(self.kafka_ends().values())

    def consumed(self):
        """How many of them have left their effects in PostgreSQL."""
        return self.pg_value("SELECT coalesce(sum(next_offset), 0)::bigint"
                             " FROM partition_progress WHERE topic = %s", stack.TOPIC)

    def wait_consumed(self, within=REST_S):
        stored = self.stored()
        wait_for(lambda: self.consumed() >= stored, within, f"{stored} messages are decided")

    def wait_projected(self, within=REST_S):
        """The cursor in MongoDB is at the end of PostgreSQL's log."""
        newest = self.pg_rows("SELECT xid::text AS number, seq FROM booking_log"
                              " ORDER BY xid DESC, seq DESC LIMIT 1")
        if not newest:
            return
        xid, seq = map(int, newest[0])
        states = self.mongo()["projector_state"]

        def is_there():
            state = states.find_one({"_id": "booking_log"})
            return (int(state["xid"]), int(state["seq"])) >= (xid, seq)
        wait_for(is_there, within, f"the log is projected up to {xid}/{seq}")

    def rest(self):
        """All that was accepted is decided and can be read."""
        self.run_only(*PROGRAMS)
        self.wait_consumed()
        self.wait_projected()

    # --- memory ----------------------------------------------------------------------------------

    def resident_kb(self, program):
        return resident_kb(self[f"{program}-0"].pid)


def resident_kb(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError(f"process {pid} has no memory")


def event_ids(name, count, partition=None):
    """Fresh ids; with a partition, only such as belong to it."""
    ids, number = [], 0
    while len(ids) < count:
        number += 1
        each = f"{name}-{number}"
        if partition is None or slot_of(each) % PARTITIONS == partition:
            ids.append(each)
    return ids
