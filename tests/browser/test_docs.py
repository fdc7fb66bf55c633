"""The page that shows the contract, and pages of other sites, in a real browser."""

import http.server
import json
import threading

import pytest

from support.gateway import gateway_with
from support.stack import ROOT

METHODS = {"get", "post", "put", "patch", "delete"}
OPERATION = ".opblock"


class Watched:
    """What a page asked for, and what it complained about."""

    def __init__(self, page, origin):
        self.page, self.origin = page, origin
        self.requests, self.complaints = [], []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda said: self.complaints.append(said.text)
                if said.type in ("error", "warning") else None)

    def assert_stayed_at_home(self):
        assert self.requests
        foreign = [url for url in self.requests
                   if not url.startswith((self.origin + "/", "data:"))]
        assert not foreign, foreign
        assert not self.complaints, self.complaints


@pytest.fixture
def docs(plain_page, stack):
    watched = Watched(plain_page, f"http://127.0.0.1:{stack.gateway_port}")
    plain_page.goto(watched.origin + "/docs")
    plain_page.wait_for_selector(OPERATION)
    return watched


def test_the_page_shows_every_operation_and_asks_nobody_else(docs):
    document = json.loads((ROOT / "docs" / "openapi.json").read_text())
    operations = sum(len(METHODS & set(path)) for path in document["paths"].values())
    assert docs.page.locator(OPERATION).count() == operations
    assert document["info"]["title"] in docs.page.locator(".info .title").inner_text()
    docs.assert_stayed_at_home()


def test_an_operation_can_be_tried_from_the_page(docs):
    block = docs.page.locator(".opblock-get", has=docs.page.locator(
        "[data-path='/api/events']")).first
    block.locator(".opblock-summary").click()
    block.get_by_role("button", name="Try it out").click()
    block.get_by_role("button", name="Execute").click()
    answer = block.locator(".live-responses-table .response-col_status").nth(1)
    answer.wait_for()
    assert answer.inner_text().strip().startswith("200")
    assert any(url.startswith(docs.origin + "/api/events") for url in docs.requests)
    docs.assert_stayed_at_home()


# --- other sites ---------------------------------------------------------------------------------

class Quiet(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<p>A page of another site")

    def log_message(self, *_):
        pass


@pytest.fixture
def site():
    """site(): the origin of a new one."""
    servers = []

    def new():
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield new
    for server in servers:
        server.shutdown()
        server.server_close()


TRY = """
async ([url, event]) => {
  const soon = (promise) => Promise.race([
    promise, new Promise((_, no) => setTimeout(() => no(new Error("too late")), 10000))]);
  const tell = (promise) => soon(promise).then((told) => told, () => "stopped");
  const source = new EventSource(`${url}/api/events/${event}/live`);
  const listening = await tell(new Promise((yes, no) => {
    source.onopen = () => yes("listening"); source.onerror = () => no(); }));
  source.close();
  const read = await tell(fetch(`${url}/api/events/${event}`).then((a) => a.headers.get("ETag")));
  const booked = await tell(fetch(`${url}/api/book`, {
    method: "POST", body: JSON.stringify({ userId: "anna", eventId: event, seatId: "S1" }),
    headers: { "Content-Type": "application/json", "Idempotency-Key": `${event}-1` } })
    .then((a) => [a.status, a.headers.get("Location") !== null].join(" ")));
  return { listening, read: read !== "stopped" && read !== null, booked };
}
"""


def test_only_pages_of_admitted_sites_may_read_and_book(stack, browser, site):
    admitted, other = site(), site()
    seen = {}
    with gateway_with(stack, CORS_ORIGINS=admitted):
        for origin in (admitted, other):
            event = stack.create_event(1)
            context = browser.new_context()
            page = context.new_page()
            page.goto(origin)
            seen[origin] = page.evaluate(
                TRY, [f"http://127.0.0.1:{stack.gateway_port}", event])
            context.close()
    assert seen[admitted] == {"listening": "listening", "read": True, "booked": "202 true"}
    assert seen[other] == {"listening": "stopped", "read": False, "booked": "stopped"}
