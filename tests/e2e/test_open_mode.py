"""Nobody is asked who they are, and still pages of other sites get nothing done through the browser
of whoever runs this: they may not write, and may not call this machine by a name of their own."""

import pytest

from support.problem import assert_problem

FOREIGN = {
    "a page of another site": {"Origin": "https://evil.example"},
    "another port of this machine": {"Origin": "http://127.0.0.1:1"},
    "a page without an origin": {"Origin": "null"},
    "a browser that says so": {"Sec-Fetch-Site": "cross-site"},
}
# No browser asks first about these (CORS).
WRITES = [("POST", "/api/events/EVENT/cancel"), ("POST", "/api/v1/shows/EVENT/cancel"),
          ("POST", "/api/admin/dead-letters/0/0/replay"), ("POST", "/api/book"),
          ("POST", "/api/bookings"), ("POST", "/api/auth/login"), ("PUT", "/api/bookings/1/cancel")]


def own(stack):
    return f"http://127.0.0.1:{stack.gateway_port}"


@pytest.mark.parametrize("kind", FOREIGN)
@pytest.mark.parametrize("method, path", WRITES)
def test_a_page_of_another_site_may_not_write(stack, kind, method, path):
    event = stack.create_event(1)
    answer = stack.web.request(method, path.replace("EVENT", event), headers=FOREIGN[kind])
    assert_problem(answer, 403)
    stack.outcome(stack.booked_id(event, "S1"))  # it goes on


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_page_of_another_site_may_ask(stack, kind):
    answer = stack.web.get("/api/events", FOREIGN[kind])
    assert answer.status == 200  # a browser does not show it the answer
    assert answer.header("Access-Control-Allow-Origin") is None


@pytest.mark.parametrize("headers", [
    {}, {"Origin": "OWN"}, {"Origin": "OWN", "Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"}], ids=["no browser", "own page", "own page, new browser", "typed"])
def test_own_pages_may_write(stack, headers):
    event = stack.create_event(1)
    headers = {name: value.replace("OWN", own(stack)) for name, value in headers.items()}
    answer = stack.web.request("POST", f"/api/events/{event}/cancel", headers=headers)
    assert answer.status == 202, answer.body


def ask(stack, host, line="GET /api/events"):
    return stack.web.raw(f"{line} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n"
                         "Connection: close\r\n\r\n".encode(), line.split()[0])


@pytest.mark.parametrize("host", ["evil.example", "evil.example:PORT", "127.0.0.1.evil.example",
                                  "localhost.evil.example", "203.0.113.9", "[2001:db8::1]"])
def test_a_foreign_name_for_this_machine_is_refused(stack, host):
    host = host.replace("PORT", str(stack.gateway_port))
    for line in ("GET /api/events", "GET /api/bookings", "POST /api/events/e/cancel", "GET /docs",
                 "GET /api/events/e/live"):
        assert_problem(ask(stack, host, line), 403)


def test_what_is_no_request_is_that_first(stack):
    assert_problem(ask(stack, "evil.example\r\nHost: evil.example"), 400)
    assert_problem(ask(stack, "evil.example", "GET /../api/events"), 400)


@pytest.mark.parametrize("host", ["localhost", "LocalHost:8080", "127.0.0.1:PORT", "127.8.8.8",
                                  "[::1]:8080", "nginx:8080"])
def test_this_machines_own_names_are_answered_to(stack, host):
    assert ask(stack, host.replace("PORT", str(stack.gateway_port))).status == 200


def test_own_pages_may_wait(stack):
    event = stack.create_event(1)
    headers = {"Origin": own(stack), "Prefer": "wait=10", "Content-Type": "application/json"}
    booking = {"eventId": event, "seatId": "S1", "userId": "anna"}
    answer = stack.web.post("/api/book", booking, headers)
    assert answer.json()["status"] == "confirmed", answer.body
    found = stack.web.get(answer.header("Location"), headers)
    assert found.json()["status"] == "confirmed", found.body
