"""A real browser at the gateway: the calls, the live channel, and what a page may do."""


BOOK_AND_WATCH = """
async ([event, seat, within]) => {
  const soon = (promise) => Promise.race([
    promise, new Promise((_, no) => setTimeout(() => no(new Error("too late")), within))]);
  const source = new EventSource(`/api/events/${event}/live`);
  await soon(new Promise((opened) => source.onopen = opened));
  const told = new Promise((tell) => source.onmessage = (m) => tell(
    { id: m.lastEventId, data: JSON.parse(m.data) }));
  const answer = await fetch("/api/book", {
    method: "POST", headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ userId: "anna", eventId: event, seatId: seat }) });
  const body = await answer.json();
  const message = await soon(told);
  source.close();
  const map = await (await fetch(`/api/events/${event}`)).json();
  const booking = await (await fetch(answer.headers.get("Location"))).json();
  return { status: answer.status, body, message, map, booking };
}
"""


def test_a_page_books_a_seat_sees_it_live_and_finds_it_in_the_map(stack, page):
    event = stack.create_event(3)
    seen = page.evaluate(BOOK_AND_WATCH, [event, "S2", 5000])
    assert seen["status"] == 202
    assert seen["body"]["message"] == "Booking request received and is being processed."
    assert seen["message"]["id"]
    assert [(s["seat_id"], s["status"]) for s in seen["message"]["data"]["seats"]] == [
        ("S2", "booked")]
    assert [(s["status"], s["user_id"]) for s in seen["map"]["seats"]] == [
        ("available", None), ("booked", "anna"), ("available", None)]
    assert seen["booking"]["status"] == "confirmed"
    assert seen["booking"]["booking_id"] == seen["body"]["bookingId"]


WATCH = """
async ([event, version, within]) => {
  const seen = [];
  const socket = new WebSocket(`ws://${location.host}/api/events/${event}/live`);
  await new Promise((opened, no) => { socket.onopen = opened; socket.onerror = no; });
  window.ready = true;
  return await new Promise((done, no) => {
    setTimeout(() => no(new Error("too late: " + JSON.stringify(seen))), within);
    socket.onmessage = (m) => {
      seen.push(JSON.parse(m.data));
      if (seen.at(-1).version >= version) { socket.close(); done(seen); }
    };
  });
}
"""


def test_one_page_sees_live_over_websocket_what_another_books(stack, browser, page):
    event = stack.create_event(5)
    page.evaluate("([script, args]) => { window.watching = eval(script)(args); return 0; }",
                  [WATCH, [event, 5, 10_000]])
    page.wait_for_function("window.ready === true")
    other = browser.new_page(bypass_csp=True)
    other.goto(f"http://127.0.0.1:{stack.gateway_port}/api/events")
    for n in range(1, 6):
        status = other.evaluate(
            "([event, seat]) => fetch('/api/book', { method: 'POST', headers:"
            " {'Content-Type': 'application/json'}, body: JSON.stringify("
            "{ userId: 'ben', eventId: event, seatId: seat }) }).then((a) => a.status)",
            [event, f"S{n}"])
        assert status == 202
    seen = page.evaluate("window.watching")
    other.close()
    assert [m["previous_version"] for m in seen] == [0, *[m["version"] for m in seen[:-1]]]
    assert sorted(s["seat_id"] for m in seen for s in m["seats"]) == ["S1", "S2", "S3", "S4", "S5"]


def test_a_big_map_that_did_not_change_is_not_sent_again(stack, page):
    """The browser asks with the tag it has; 304 carries no seats."""
    sizes = page.evaluate(
        "async () => { for (let n = 0; n < 2; n++)"
        " await (await fetch('/api/events/arena', { cache: 'no-cache' })).json();"
        " return performance.getEntriesByType('resource')"
        ".filter((e) => e.name.endsWith('/arena')).map((e) => e.transferSize); }")
    assert len(sizes) == 2
    assert sizes[0] > 10_000 and sizes[1] < 1_000


def test_another_sites_page_cannot_book_for_a_visitor(stack, browser):
    """No CORS permission is given: a cross-origin JSON request is stopped by the browser."""
    event = stack.create_event(1)
    page = browser.new_page()
    page.goto("data:text/html,<p>another site</p>")
    outcome = page.evaluate(
        "([url, event]) => fetch(url, { method: 'POST', headers:"
        " {'Content-Type': 'application/json'}, body: JSON.stringify("
        "{ userId: 'anna', eventId: event, seatId: 'S1' }) }).then(() => 'sent', () => 'stopped')",
        [f"http://127.0.0.1:{stack.gateway_port}/api/book", event])
    page.close()
    assert outcome == "stopped"
    stack.outcome(stack.booked_id(event, "S1"))
    assert len(stack.history(event)) == 1
