"""SECURE is a setting that may change, but not under what runs."""

import subprocess

from support.stack import ROOT


def test_it_is_not_turned_off_under_what_runs(stack):
    done = subprocess.run([ROOT / "start-services.sh", "up"], env={**stack.env, "SECURE": "0"},
                          cwd=ROOT, text=True, stdin=subprocess.DEVNULL, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode != 0
    assert "runs with SECURE=1" in done.stdout


def test_it_is_turned_off_and_on_over_what_is_there(stack, alice):
    event = stack.create_event(3)
    alice.wait_status(alice.booked_id(event, "S1"), "confirmed")
    try:
        for seat, secure in (("S2", "0"), ("S3", "1")):
            stack.script("stop")
            stack.env["SECURE"] = secure
            stack.kafka_client = None
            stack.open()
            alice.wait_status(alice.booked_id(event, seat), "confirmed")
    finally:
        stack.env["SECURE"] = "1"
    stack.assert_verified()
