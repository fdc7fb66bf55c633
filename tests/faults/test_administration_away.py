"""What administration answers while PostgreSQL or Kafka is away: that it cannot, and then nothing
was done. Blocking seats and ending events need Kafka alone."""

import signal

from support.people import event_of
from support.problem import assert_problem
from support.wait import wait_for


def assert_unavailable(answer):
    assert_problem(answer, 503)
    assert int(answer.header("Retry-After")) >= 1


def of_postgresql(event):
    return [("POST", "/api/events", event_of(2)), ("PATCH", f"/api/events/{event}", {"name": "x"}),
            ("GET", f"/api/events/{event}/bookings.csv", None),
            ("GET", f"/api/admin/audit?eventId={event}", None), ("GET", "/api/admin/audit", None)]


def test_without_postgresql_events_stay_and_commands_wait(stack):
    event = stack.create_event(12)
    stack["postgresql"].stop(number=signal.SIGQUIT)
    for method, path, body in of_postgresql(event):
        assert_unavailable(stack.web.request(method, path, body))
    blocked = stack.web.request("PUT", f"/api/events/{event}/seats/block", {"seatIds": ["S1"]})
    ended = stack.web.post(f"/api/events/{event}/cancel", {})
    assert (blocked.status, ended.status) == (202, 202), (blocked, ended)

    stack.start_server("postgresql")
    assert stack.outcome(blocked.json()["commands"][0]["bookingId"], 30)["status"] == "done"
    assert stack.outcome(ended.json()["bookingId"], 30)["status"] == "done"
    noted = stack.pg_value("SELECT count(*) FROM audit_log WHERE event_id = %s", event)
    assert noted == 0, "what was refused left nothing"
    wait_for(lambda: stack.web.post("/api/events", event_of(1)).status == 201, 10,
             "events can be made again")
    stack.assert_verified()


def test_without_kafka_seats_stay_and_events_can_be_made(stack):
    event = stack.create_event(12)
    stack["kafka"].pause()
    try:
        for method, path, body in (
                ("PUT", f"/api/events/{event}/seats/block", {"seatIds": ["S1"]}),
                ("PUT", f"/api/events/{event}/seats/unblock", {"seatIds": ["S1"]}),
                ("POST", f"/api/events/{event}/cancel", {}),
                ("GET", "/api/admin/dead-letters", None),
                ("POST", "/api/admin/dead-letters/0/0/replay", {})):
            assert_unavailable(stack.web.request(method, path, body))
        assert stack.web.post("/api/events", event_of(1)).status == 201
        answer = stack.web.request("PATCH", f"/api/events/{event}", {"name": "Told"})
        assert answer.status == 200, answer
        assert stack.web.get(f"/api/admin/audit?eventId={event}").status == 200
    finally:
        stack["kafka"].resume()
    wait_for(lambda: stack.web.get("/api/admin/dead-letters").status == 200, 20,
             "dead letters can be read again")
