"""The checker that anyone can run, on a system that runs: it finds nothing, until someone lies."""

import json
import subprocess
import sys
from contextlib import contextmanager

import pytest

from support import facts, promises
from support.stack import ROOT

VERIFY = ROOT / "tests" / "faults" / "verify"
REQUESTS, RATE, EVENTS, SEATS, TTL_MS = 600, 200, 3, 40, 1000
LOAD_S, VERIFY_S = 60, 120


@pytest.fixture(scope="module")
def load(whole_stack, tmp_path_factory):
    """(events, the file with the record) of a small load."""
    scratch = tmp_path_factory.mktemp("verify")
    record, settings = scratch / "record.jsonl", scratch / "settings.json"
    events = whole_stack.create_events(EVENTS, SEATS, "verify", blocked=1, hold_ttl_ms=TTL_MS)
    settings.write_text(json.dumps({
        "port": whole_stack.gateway_port, "record": str(record), "events": events, "seats": SEATS,
        "users": 50, "rate": RATE, "connections": 16, "seconds": LOAD_S, "requests": REQUESTS,
        "seed": 5}))
    subprocess.run([sys.executable, "-m", "support.traffic", settings], cwd=ROOT / "tests",
                   timeout=LOAD_S, check=True)
    return events, record


def verify(stack, *arguments):
    """Its exit status and what it says, by promise."""
    done = subprocess.run([VERIFY, "--state", stack.state, "--json", *arguments], text=True,
                          timeout=VERIFY_S, env=stack.env, capture_output=True)
    assert done.returncode in (0, 1), done.stderr
    said = json.loads(done.stdout)
    assert said["not_at_rest"] is None, said
    return done.returncode, said["promises"]


@contextmanager
def row_changed(stack, table, where, column, value):
    """An operator's hand, taken back in the end."""
    kept = stack.pg_value(f"SELECT {column}::text FROM {table} WHERE {where}")
    change = f"UPDATE {table} SET {column} = {{}} WHERE {where}".format
    try:
        stack.pg_rows(change(value))
        yield
    finally:
        stack.pg_rows(change(f"'{kept}'"))


@contextmanager
def document_changed(stack, collection, document_id, change):
    documents = stack.mongo()[collection]
    kept = documents.find_one({"_id": document_id})
    try:
        change(documents)
        yield
    finally:
        documents.replace_one({"_id": document_id}, kept, upsert=True)


def found(stack, load):
    """Promise -> what is wrong, as text."""
    events, record = load
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    report = promises.check(lines, facts.collect(stack, events))
    return {promise: [str(violation) for violation in wrong]
            for promise, (_, wrong) in report.items() if wrong}


@pytest.fixture
def sold(stack, load):
    """(event, seat, booking) of one that was confirmed, with one seat."""
    return stack.pg_rows(
        "SELECT event_id, seat_ids[1], booking_id::text FROM bookings WHERE event_id = ANY(%s)"
        " AND status = 'confirmed' AND cardinality(seat_ids) = 1 LIMIT 1", load[0])[0]


def test_of_a_real_load_nothing_is_found(stack, load):
    status, said = verify(stack, load[1])
    assert status == 0, said
    assert list(said) == list(promises.PROMISES)
    assert all(promise["facts"] > 50 for promise in said.values()), said


def test_a_false_202_in_the_record_is_found(stack, load, tmp_path):
    lines = load[1].read_text().splitlines()
    honest = next(json.loads(line) for line in lines if json.loads(line)["status"] == 202)
    lie = tmp_path / "lie.jsonl"
    lie.write_text(json.dumps({**honest, "n": 0, "booking_id": stack.issue_id(load[0][0])}) + "\n")
    status, said = verify(stack, load[1], lie)
    assert status == 1
    assert [p for p, of in said.items() if of["violated"]] == ["P3"], said
    assert "client line 0" in said["P3"]["violations"][0]["records"][0]


def test_a_seat_that_changed_hands_is_found(stack, load, sold):
    event, seat, _ = sold
    where = f"event_id = '{event}' AND seat_id = '{seat}'"
    with row_changed(stack, "seats", where, "booking_id", "gen_random_uuid()"):
        assert set(found(stack, load)) == {"P1"}


def test_an_outcome_that_was_changed_is_found(stack, load, sold):
    where = f"booking_id = '{sold[2]}'"
    with row_changed(stack, "bookings", where, "status", "'cancelled'"):
        assert set(found(stack, load)) == {"P2"}


def test_an_order_that_was_changed_is_found(stack, load):
    """The last rejection, decided before everything else: its seats were free then."""
    seq = stack.pg_value("SELECT max(seq) FROM booking_log WHERE event_id = ANY(%s)"
                         " AND reason = 'seat_taken' AND booking_version = 1", load[0])
    with row_changed(stack, "booking_log", f"seq = {seq}", "xid", "'1'"):
        wrong = found(stack, load)
        assert set(wrong) == {"P5"}, wrong
        assert any("decided after what Kafka stored later" in text for text in wrong["P5"]), wrong


def test_a_document_that_was_lost_is_found(stack, load, sold):
    with document_changed(stack, "bookings", sold[2],
                          lambda documents: documents.delete_one({"_id": sold[2]})):
        assert set(found(stack, load)) == {"P2"}


def test_a_map_that_shows_something_else_is_found(stack, load, sold):
    block = f"{sold[0]}/0000"
    with document_changed(stack, "seat_maps", block, lambda documents: documents.update_one(
            {"_id": block}, {"$set": {"seats.0.status": "available"}})):
        assert set(found(stack, load)) == {"P7"}
