"""The floors: nginx with files of the same bytes, and pgbench with the same claim."""

import contextlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from support.wait import wait_for

WORKERS = 2  # as many as the gateway has
GATEWAY_NICE = -10
START_S = 10
PGBENCH_CLIENTS = 8
CLAIMS, QUICK_CLAIMS = (1000, 4000), (50, 100)  # of each client: before it counts, and then
CLIENT_IDS = 1_000_000  # a client's range
CLAIMS_S = 120
END_S = 30
PG_BIN = "/usr/lib/postgresql/15/bin"
CONFIG = """
{user}
pid "{home}/nginx.pid";
error_log stderr warn;
daemon off;
worker_processes {workers};
worker_rlimit_nofile 16384;
pcre_jit on;
{priority}
events {{ worker_connections 8192; }}
http {{
    client_body_temp_path "{home}/tmp"; proxy_temp_path "{home}/tmp";
    fastcgi_temp_path "{home}/tmp"; uwsgi_temp_path "{home}/tmp"; scgi_temp_path "{home}/tmp";
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    open_file_cache max=100;
    default_type application/json;
    server {{
        listen 127.0.0.1:{port} backlog=4096 reuseport;
        root "{home}/files";
        location = /200 {{ }}
        location = /map.json {{ }}
        location = /map.json.gz {{ add_header Content-Encoding gzip; }}
        location = /large.json {{ }}
    }}
}}
"""


class StaticFiles:
    """nginx with no log and its files open; put() gives it one of those that CONFIG names.
    first: it gets a processor before others as the gateway does; see native/nginx.sh."""

    def __init__(self, home, port, first=False):
        self.home, self.port, self.child = Path(home), port, None
        self.first = first and os.geteuid() == 0

    def start(self):
        shutil.rmtree(self.home, ignore_errors=True)  # of a run that was killed
        (self.home / "files").mkdir(parents=True)
        user = "user root;" if os.geteuid() == 0 else ""
        config = self.home / "nginx.conf"
        priority = f"worker_priority {GATEWAY_NICE};" if self.first else ""
        config.write_text(CONFIG.format(home=self.home, port=self.port, user=user,
                                        priority=priority, workers=WORKERS))
        self.put("200", b"x" * 200)
        self.child = subprocess.Popen(
            ["nginx", "-p", str(self.home), "-e", "stderr", "-c", str(config)],
            stdin=subprocess.DEVNULL, stderr=open(self.home / "log", "wb"),
            env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"},
            start_new_session=True)
        if self.first:
            with contextlib.suppress(OSError):
                Path(f"/proc/{self.child.pid}/autogroup").write_text(str(GATEWAY_NICE))
        wait_for(lambda: (self.home / "nginx.pid").read_text().strip(), START_S, "nginx is up")

    def put(self, name, content):
        (self.home / "files" / name).write_bytes(content)

    def url(self, name):
        return f"http://127.0.0.1:{self.port}/{name}"

    def stop(self):
        if self.child:
            self.child.terminate()
            self.child.wait(END_S)


# One claim a transaction, in one round trip: the same three rows in the same tables. A client takes
# all seats of one of its own events and then of the next, with ids that grow in its own range: as a
# backlog that comes event after event touches pages, so does this.
CLAIM = """\\set event :client_id * :events + :n / :seats + 1
\\set seat :n % :seats + 1
\\set number :client_id * :ids + :n
\\set n :n + 1
WITH seat AS (
    UPDATE seats SET status = 'booked', user_id = 'u1', version = version + 1,
                     booking_id = ('00000000-0000-8000-8000-' || lpad(:number, 12, '0'))::uuid
    WHERE event_id = 'floor-' || :event AND seat_id = 'S' || :seat AND status = 'available'
    RETURNING *),
made AS (
    INSERT INTO bookings (booking_id, event_id, user_id, mode, seat_ids, status, requested_at,
                          decided_at, seat_prices, total_minor, currency)
    SELECT booking_id, event_id, user_id, 'book', ARRAY[seat_id], 'confirmed', now(), now(),
           ARRAY[price_minor], price_minor, 'EUR'
    FROM seat
    RETURNING *)
INSERT INTO booking_log (booking_id, booking_version, event_id, user_id, mode, status,
                         booking_seats, requested_at, decided_at, command, actor, seat_prices,
                         total_minor, currency, seat_ids, seat_positions, seat_statuses,
                         seat_versions)
SELECT made.booking_id, 1, made.event_id, made.user_id, 'book', 'confirmed', made.seat_ids, now(),
       now(), 'book', made.user_id, made.seat_prices, made.total_minor, 'EUR', made.seat_ids,
       ARRAY[seat.position], ARRAY['booked'], ARRAY[seat.version]
FROM made JOIN seat USING (booking_id);
"""


class Pgbench:
    """A database beside Seatline's, with the same migrations in it."""

    DATABASE = "floor"
    EVENTS, SEATS = 200, 1000

    def __init__(self, home, seatline, native):
        self.home, self.seatline, self.native = Path(home), seatline, native
        self.home.mkdir(parents=True, exist_ok=True)
        self.env = {**os.environ, "PGPASSWORD": seatline.secrets["PG_ADMIN_PASSWORD"],
                    "PGHOST": "127.0.0.1", "PGPORT": str(seatline.base + 432),
                    "PGUSER": "postgres", "PGDATABASE": self.DATABASE,
                    "PGOPTIONS": "-c client_min_messages=warning"}

    def sql(self, text, database=DATABASE):
        """Answers the value, when there is one."""
        done = subprocess.run(
            [f"{PG_BIN}/psql", "-qXAt", "-v", "ON_ERROR_STOP=1", "-c", text], check=True,
            env={**self.env, "PGDATABASE": database}, timeout=END_S, text=True,
            stdout=subprocess.PIPE)
        return done.stdout.strip()

    def setup(self):
        """All seats available, no bookings."""
        password, port = self.env["PGPASSWORD"], self.env["PGPORT"]
        self.sql(f"DROP DATABASE IF EXISTS {self.DATABASE}", "postgres")
        subprocess.run(
            [self.native, self.home, "database"], check=True, timeout=END_S,
            stdout=subprocess.DEVNULL,
            env={**self.env, "DATABASE_URL": f"postgres://postgres:{password}@127.0.0.1:{port}/"
                                             f"{self.DATABASE}?sslmode=disable"})
        self.sql(f"""
            INSERT INTO events (event_id, name, starts_at)
            SELECT 'floor-' || e, 'Floor', '2030-01-01Z' FROM generate_series(1, {self.EVENTS}) e;
            INSERT INTO seats (event_id, seat_id, position, section, row_name, number, price_minor)
            SELECT 'floor-' || e, 'S' || n, n - 1, 'Hall', 'A', n, 5900
            FROM generate_series(1, {self.EVENTS}) e, generate_series(1, {self.SEATS}) n""")
        self.sql("VACUUM ANALYZE seats, events")
        self.sql("CHECKPOINT")

    def claims_per_s(self, quick=False):
        """After a pass that does not count. Every claim got its seat, or this fails."""
        warm, counted = QUICK_CLAIMS if quick else CLAIMS
        self.claims(0, warm)
        per_s = self.claims(warm, counted)
        booked = int(self.sql("SELECT count(*) FROM bookings"))
        assert booked == (warm + counted) * PGBENCH_CLIENTS, booked
        return per_s

    def claims(self, first, count):
        """Each client's claims from its first on; how many they made together in a second."""
        script = self.home / "claim.sql"
        script.write_text(CLAIM)
        variables = {"n": first, "ids": CLIENT_IDS, "seats": self.SEATS,
                     "events": self.EVENTS // PGBENCH_CLIENTS}
        done = subprocess.run(
            [f"{PG_BIN}/pgbench", "-n", "-M", "prepared", "-c", str(PGBENCH_CLIENTS), "-j", "2",
             "-t", str(count), "-f", script,
             *(part for name, value in variables.items() for part in ("-D", f"{name}={value}"))],
            check=True, text=True, env=self.env, timeout=CLAIMS_S, stdout=subprocess.PIPE)
        return float(re.search(r"tps = ([0-9.]+)", done.stdout).group(1))
