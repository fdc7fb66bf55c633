"""SECURITY.md says what is done against whom, and by which test: each of them is there, and what it
says about routes is what docs/openapi.json says. What no other test shows is here.
"""

import re
import socket
import threading

import pytest

from support import contract
from support.people import event_of
from support.stack import ROOT

TEXT = (ROOT / "SECURITY.md").read_text()
NAMED = re.findall(r"`([a-z0-9_/]+\.py): (test_\w+)`", TEXT)
SERVERS = ("kafka", "postgresql", "mongodb", "redis")


# --- the page ---------------------------------------------------------------------------------

def test_each_of_the_ten_names_tests():
    parts = re.split(r"^### ", TEXT, flags=re.M)[1:]
    assert [part.split(":2023")[0] for part in parts] == [f"API{n}" for n in range(1, 11)]
    for part in parts:
        assert re.search(r"`[a-z0-9_/]+\.py: test_\w+`", part.split("\n## ")[0]), part[:60]


@pytest.mark.parametrize("file, function", sorted(set(NAMED)), ids="-".join)
def test_each_test_that_is_named_is_there(file, function):
    assert f"\ndef {function}(" in (ROOT / "tests" / file).read_text()


def test_no_test_is_named_in_another_way():
    assert len(re.findall(r"\btest_\w+`", TEXT)) == len(NAMED) > 40


def rows():
    document = contract.load()
    for operation in contract.operations(document):
        if operation.same_as:
            continue
        needs = document["paths"][operation.path][operation.method.lower()]["x-needs"]
        away = " | ".join("503" if server in needs else "as ever" for server in SERVERS)
        yield f"| `{operation}` | {operation.access} | {away} |"


def test_the_table_of_routes_is_the_documents():
    table = TEXT.split("<!-- away")[1].split("<!-- end -->")[0].splitlines()
    told = [line for line in table if line.startswith("| `")]
    assert told == list(rows()), "\n".join(rows())


# --- API7 -------------------------------------------------------------------------------------

@pytest.fixture
def listener():
    """An address that nobody has a reason to ask, and who did."""
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        done = threading.Event()

        def listen():
            while not done.is_set():
                try:
                    asked.append(server.accept()[1])
                except TimeoutError:
                    pass

        thread = threading.Thread(target=listen)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}", asked
        done.set()
        thread.join()


def test_no_address_that_a_client_names_is_asked(whole_stack, alice, admin, listener):
    address, asked = listener
    url = f"http://{address}/latest/meta-data"
    named = {"Referer": url, "Origin": url, "X-Forwarded-Host": address,
             "Forwarded": f"host={address}",
             "X-Forwarded-For": address, "X-Accel-Redirect": url, "Location": url, "From": url,
             "Link": f"<{url}>", "X-Original-URL": url, "Callback": url, "traceparent": url}
    event = whole_stack.create_event(1)
    assert admin.web.post("/api/events", event_of(1, name=url, venue=url), named).status == 201
    held = alice.held(event, ["S1"])
    answer = alice.web.request("PUT", f"/api/bookings/{held['booking_id']}/confirm",
                               {"paymentReference": url, "callbackUrl": url, "webhook": url}, named)
    assert answer.status == 202, answer
    for path in (f"/api/events?q={url}", f"/api/events/{event}?callback={url}",
                 f"/api/events?cursor={url}", f"/docs?url={url}", f"/openapi.json?url={url}"):
        assert alice.web.get(path, named).status in (200, 400)
    proxied = whole_stack.web.raw(
        f"GET {url} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode(), "GET")
    assert proxied.status == 404, proxied
    alice.decision(held["booking_id"], "cancel")
    assert asked == []
