"""What whoever runs it needs: configuration, health, metrics and logs."""

import json
import os
import pathlib
import re
import subprocess

import pytest

from support.stack import ROOT

PROGRAMS = ("write-api", "worker", "projector", "read-api")
BARE = {"PATH": os.environ["PATH"]}


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_names_every_variable_and_exits_0(stack, program):
    done = stack.program(program, "--help", env=BARE)
    assert done.returncode == 0
    for name in ("LOG_LEVEL", "OPS_HOST", "OPS_PORT", "DRAIN_MS"):
        assert name in done.stdout
    text = (ROOT / "CONFIGURATION.md").read_text()
    for name in re.findall(r"^ *([A-Z][A-Z0-9_]{3,})\b", done.stdout, re.MULTILINE):
        assert name in text, f"CONFIGURATION.md lacks {name}"


BAD = {
    "write-api": ({"HTTP_PORT": "99999", "KAFKA_LINGER_MS": "soon", "BOOKING_ID_KEY": "hunter2"},
                  "hunter2"),
    "worker": ({"LANES": "0", "BATCH_MAX": "-5", "PG_DSN": ""}, None),
    "projector": ({"POLL_MS": "x", "OPS_PORT": "0", "PG_DSN": "password=hunter2",
                   "MONGO_URI": ""}, "hunter2"),
    "read-api": ({"HTTP_THREADS": "1e3", "BOOKING_ID_KEY": "hunter2", "MONGO_URI": ""}, "hunter2"),
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_bad_configuration_exits_78_and_names_all_of_it_but_no_secret(stack, program):
    bad, secret = BAD[program]
    done = stack.program(program, env={**BARE, **bad}, within=10)
    assert done.returncode == 78, done
    said = done.stdout + done.stderr
    for name, value in bad.items():
        if not (secret and secret in value and name == "PG_DSN"):
            assert name in said, said
    assert "hunter2" not in said


@pytest.mark.parametrize("name, peers", [
    ("write-api-0", {"kafka"}), ("worker-0", {"kafka", "postgresql"}),
    ("projector-0", {"postgresql", "mongodb"}), ("read-api-0", {"mongodb"}),
])
def test_a_program_says_that_it_lives_and_what_it_needs(stack, name, peers):
    ops = stack.ops(name)
    assert ops.get("/livez").status == 200
    ready = ops.get("/readyz")
    assert ready.status == 200
    assert all(peer in ready.body.decode() for peer in peers), ready
    assert ops.get("/no-such").status == 404
    assert ops.post("/metrics", b"").status == 405


METRICS = {
    "write-api": ["http_requests_total", "http_request_seconds", "seatline_accepted_total",
                  "seatline_refused_total"],
    "worker": ["seatline_worker_outcomes_total", "seatline_worker_step_seconds",
               "seatline_worker_batch_messages",
               "seatline_worker_lag_messages", "seatline_worker_lock_contention_total",
               "seatline_worker_fenced_commits_total", "seatline_worker_dead_letters_total"],
    "projector": ["seatline_projector_lag_seconds", "seatline_projector_step_seconds",
                  "seatline_projector_documents_written_total"],
    "read-api": ["http_requests_total", "seatline_read_seconds", "seatline_waiting",
                 "seatline_waits_total", "seatline_answers_total", "seatline_answer_bytes",
                 "seatline_change_stream_up"],
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_counts_what_it_does(stack, program):
    event = stack.create_event(2)
    stack.outcome(stack.booked_id(event, "S1"))
    answer = stack.ops(f"{program}-0").get("/metrics")
    assert answer.status == 200
    assert answer.header("Content-Type").startswith("text/plain")
    text = answer.body.decode()
    for name in METRICS[program]:
        assert re.search(rf"^# TYPE {name} (counter|gauge|histogram)$", text, re.M), name
        assert re.search(rf"^{name}(_count)?[ {{]", text, re.M), name
    for line in text.splitlines():
        assert line.startswith("#") or re.fullmatch(
            r"[a-z_]+(\{[^}]*\})? (-?[0-9.e+-]+|\+Inf|NaN)", line), line


def total(stack, program, *metric):
    return sum(stack.metric(name, *metric) or 0 for name in stack.instances(program))


def test_outcomes_are_counted_by_reason(stack):
    event = stack.create_event(1)

    def counted():
        return (total(stack, "write-api", "seatline_accepted_total"),
                total(stack, "worker", "seatline_worker_outcomes_total", 'status="confirmed"'),
                total(stack, "worker", "seatline_worker_outcomes_total", 'seat_taken'),
                total(stack, "worker", "seatline_worker_outcomes_total", 'seat_not_found'))

    before = counted()
    for seat in ("S1", "S1", "S1", "S9"):
        stack.outcome(stack.booked_id(event, seat))
    assert [now - then for now, then in zip(counted(), before)] == [4, 1, 2, 1]


def test_a_killed_program_would_leave_nothing_in_shared_memory(stack):
    pids = [stack[name].pid for name in stack.instances()]
    left = [path.name for path in pathlib.Path("/dev/shm").iterdir()]
    assert not [name for name in left for pid in pids if name.endswith(f"-{pid}")]


def test_logs_are_json_lines_without_secrets_or_bodies(stack):
    event = stack.create_event(1)
    stack.web.post("/api/book", {"userId": "anna", "eventId": event, "seatId": "S1",
                                 "note": "body-must-not-be-logged"})
    stack.web.post("/api/book", b'{"note":"body-must-not-be-logged"', {
        "Content-Type": "application/json"})
    stack.outcome(stack.booked_id(event, "S1"))
    for name in stack.instances():
        text = stack[name].log_text()
        assert text
        for secret in stack.secrets.values():
            assert secret not in text, name
        assert "body-must-not-be-logged" not in text
        for line in text.splitlines():
            entry = json.loads(line)
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry["ts"])
            assert entry["level"] in ("debug", "info", "warn", "error")
            assert entry["service"] == name.rpartition("-")[0]
            assert re.fullmatch(r"[a-z0-9_]+", entry["event"]), entry


def test_secrets_stand_in_no_argument_and_in_no_readable_file(stack):
    for name, service in stack.services.items():
        command = open(f"/proc/{service.pid}/cmdline").read()
        for secret in stack.secrets.values():
            assert secret not in command, name
    assert (stack.state / "secrets").stat().st_mode & 0o077 == 0


def test_the_private_ports_listen_on_loopback_only(stack):
    done = subprocess.run(["ss", "-Hltn"], capture_output=True, text=True, timeout=10, check=True)
    ours = [line.split()[3] for line in done.stdout.splitlines()]
    ours = [a for a in ours if stack.base <= int(a.rpartition(":")[2]) < stack.base + 500]
    assert len(ours) >= 12
    assert all(a.startswith(("127.0.0.1:", "[::ffff:127.0.0.1]:")) for a in ours), ours


def test_a_second_start_changes_nothing_and_takes_seconds(stack):
    pids = {name: service.pid for name, service in stack.services.items()}
    stack.script("up", within=20)
    assert {name: service.pid for name, service in stack.services.items()} == pids
    assert "running" in stack.script("status", within=20)


KEEP_CLASSES = """
set -euo pipefail
STATE=$1/state KAFKA_DIR=$1/kafka
. "$2/native/kafka.sh"
mkdir -p "$STATE/kafka"
java "$KAFKA_HEAP" -XX:ArchiveClassesAtExit="$1/whole" -cp "$KAFKA_DIR/*" \
    kafka.tools.StorageTool --help >"$1/java.out" 2>&1
head -c "$(($(stat -c %s "$1/whole") / 2))" "$1/whole" >"$STATE/kafka/classes.jsa"
kafka_keep_classes
echo "a part: $(kafka_java Main | grep -c SharedArchiveFile || true)"
cp "$1/whole" "$STATE/kafka/classes.jsa"
kafka_keep_classes
echo "the whole: $(kafka_java Main | grep -c SharedArchiveFile || true)"
"""


def test_kafka_starts_from_its_kept_classes_but_never_from_a_part_of_them(tmp_path):
    (tmp_path / "kafka").symlink_to(next((ROOT / ".run" / "opt").glob("kafka-*[0-9]")))
    done = subprocess.run(["bash", "-c", KEEP_CLASSES, "test", tmp_path, ROOT], cwd=tmp_path,
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.splitlines() == ["a part: 0", "the whole: 1"], done.stderr
