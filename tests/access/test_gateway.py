"""What the gateway says to a browser, whom it lets in, and how often."""

import http.client
import itertools
import os
import select
import socket
import ssl
import stat
import subprocess
import time

import pytest

from support.gateway import Address, gateway_with, head_of, https
from support.insist import insist
from support.problem import assert_problem
from support.stack import ROOT
from support.wait import wait_for

NOTHING = "default-src 'none'; frame-ancestors 'none'"
ALWAYS = {"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
          "Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin",
          "Permissions-Policy":
          "camera=(), geolocation=(), microphone=(), payment=(), usb=()"}
CORS = [f"Access-Control-Allow-{what}" for what in ("Origin", "Credentials", "Methods", "Headers")]
UPGRADE = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
           "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
STREAM = {"Accept": "text/event-stream"}
JSON = {"Content-Type": "application/json"}

_numbers = itertools.count(1)


def assert_headers(answer, policy=NOTHING, is_tls=False):
    """Each of them, and once."""
    for name, value in {**ALWAYS, "Content-Security-Policy": policy}.items():
        assert answer.headers.get_all(name) == [value], (name, answer)
    assert len(answer.headers.get_all("X-Request-Id")) == 1, answer
    hsts = ["max-age=63072000"] if is_tls else None
    assert answer.headers.get_all("Strict-Transport-Security") == hsts, answer


def raw(stack, lines, method="GET"):
    return stack.web.raw("\r\n".join([*lines, "", ""]).encode("latin-1"), method)


def request(stack, line, *lines):
    return raw(stack, [f"{line} HTTP/1.1", "Host: x", "Connection: close", *lines],
               line.split()[0])


# --- headers of every class of answer -----------------------------------------------------------

ANSWERS = {
    "a list": (200, lambda s, e: s.web.get("/api/events")),
    "a map": (200, lambda s, e: s.web.get(f"/api/events/{e}")),
    "a map asked past what is kept":
        (200, lambda s, e: s.web.get(f"/api/events/{e}", {"Cache-Control": "no-cache"})),
    "a layout": (200, lambda s, e: s.web.get(f"/api/events/{e}/layout")),
    "only the head of a map": (200, lambda s, e: s.web.request("HEAD", f"/api/events/{e}")),
    "who is there": (200, lambda s, e: s.web.get("/healthz")),
    "the contract": (200, lambda s, e: s.web.get("/openapi.json")),
    "an event source": (200, lambda s, e: head_of(s.gateway_port, f"/api/events/{e}/live", STREAM)),
    "a WebSocket": (101, lambda s, e: head_of(s.gateway_port, f"/api/events/{e}/live", UPGRADE)),
    "nobody may": (401, lambda s, e: s.web.get("/api/bookings")),
    "a bad token":
        (401, lambda s, e: s.web.get("/api/events", {"Authorization": "Bearer x"})),
    "a page of another site":
        (403, lambda s, e: s.web.get(f"/api/events/{e}/live", {"Origin": "https://a.example"})),
    "no route of a program": (404, lambda s, e: s.web.get("/api/nothing")),
    "no path of nginx": (404, lambda s, e: s.web.get("/nothing")),
    "too long a body for who is there":
        (413, lambda s, e: request(s, "GET /healthz", "Content-Length: 99999999")),
    "no such event": (404, lambda s, e: s.web.get("/api/events/no-such-event")),
    "no such file": (404, lambda s, e: s.web.get("/docs/nothing.js")),
    "another method than programs have": (405, lambda s, e: s.web.request("PUT", "/api/book")),
    "another method than both sides have": (405, lambda s, e: s.web.request("PUT", "/api/events")),
    "another method than anybody has": (405, lambda s, e: request(s, "TRACE /api/events")),
    "no HTTP": (400, lambda s, e: raw(s, ["GET / HTTP/1.1 x"])),
    "a fragment": (400, lambda s, e: request(s, "GET /api/events#x")),
    "bytes that are not ASCII": (400, lambda s, e: request(s, "GET /\xe4")),
    "a length twice":
        (400, lambda s, e: request(s, "POST /api/book", "Content-Length: 1", "Content-Length: 2")),
    "too long a body":
        (413, lambda s, e: request(s, "POST /api/book", "Content-Length: 99999999")),
    "too long a target": (414, lambda s, e: request(s, "GET /" + "x" * 20_000)),
    "too long a header": (431, lambda s, e: request(s, "GET /", "X-A: " + "x" * 20_000)),
    "an unknown coding":
        (501, lambda s, e: request(s, "POST /api/book", "Transfer-Encoding: x")),
    "another version": (505, lambda s, e: raw(s, ["GET / HTTP/3.0", "Host: x"])),
}


@pytest.fixture(scope="module")
def event(whole_stack):
    return whole_stack.create_event(3, "gateway")


@pytest.mark.parametrize("what", ANSWERS)
def test_every_answer_tells_a_browser_what_it_may(stack, event, what):
    status, ask = ANSWERS[what]
    for _ in range(2):  # a kept one the second time, where answers are kept
        answer = ask(stack, event)
        assert answer.status == status, answer
        assert_headers(answer)
        for name in [*CORS, "Access-Control-Expose-Headers", "RateLimit"]:
            assert answer.header(name) is None, (name, answer)
    if status >= 400:
        problem = assert_problem(answer, status)
        assert problem["status"] == status
        assert answer.headers.get_all("Cache-Control") == ["no-store"], answer


def test_an_unchanged_map_says_so_too(stack, event):
    etag = stack.web.get(f"/api/events/{event}").header("ETag")
    answer = stack.web.get(f"/api/events/{event}", {"If-None-Match": etag})
    assert answer.status == 304
    assert_headers(answer)


def test_answers_to_bookings_say_so_too(alice):
    event = alice.create_event(3)
    waiting = {"Prefer": "wait=10"}
    for n, (seat, prefer, status) in enumerate((
            ("S1", {}, 202), ("S2", waiting, 201), ("S2", waiting, 409))):
        answer = insist(lambda: alice.web.post(
            "/api/book", {"eventId": event, "seatId": seat},
            {"Idempotency-Key": f"{event}-{n}", **prefer}))
        assert answer.status == status, answer
        assert_headers(answer)
        assert len(answer.headers.get_all("Location") or []) == (status < 300)
        alice.outcome(answer.json()["bookingId"] if status != 201 else answer.json()["booking_id"])


def test_with_all_programs_gone_nginx_says_so_itself(alice):
    event = alice.create_event(1)
    waiting = {"Prefer": "wait=1", "Idempotency-Key": f"{event}-1"}
    apis = alice.instances("write-api")
    reads = alice.instances("read-api")
    try:
        alice.stop(reads)
        stored = insist(lambda: alice.web.post(
            "/api/book", {"eventId": event, "seatId": "S1"}, waiting))
        assert stored.status == 202, stored
        assert stored.headers.get_all("Location") == [f"/api/bookings/{stored.json()['bookingId']}"]
        assert stored.headers.get_all("Retry-After") == ["1"]
        alice.stop(apis)
        refused = [alice.web.post("/api/book", {"eventId": event, "seatId": "S1"}),
                   alice.web.get("/healthz"),
                   alice.web.get(f"/api/events/{event}", {"Cache-Control": "no-cache"})]
    finally:
        alice.heal()
    assert_headers(stored)
    for answer in refused:
        assert_problem(answer, 503)
        assert_headers(answer)
        assert len(answer.headers.get_all("Retry-After")) == 1


def test_the_page_may_have_its_own_scripts_and_nobody_elses(stack):
    policies = set()
    for path in ("/docs", "/docs/", "/docs/start.js", "/docs/swagger-ui.css",
                 "/docs/swagger-ui-bundle.js"):
        answer = stack.web.get(path)
        assert answer.status == 200, answer
        policies.add(answer.header("Content-Security-Policy"))
        assert_headers(answer, answer.header("Content-Security-Policy"))
    [policy] = policies
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert rules["script-src"] == rules["connect-src"] == "'self'"
    assert "http" not in policy and "*" not in policy
    small = stack.web.get("/docs/swagger-ui-bundle.js", {"Accept-Encoding": "gzip"})
    assert small.header("Content-Encoding") == "gzip" and small.header("Vary") == "Accept-Encoding"


# --- pages of other sites ----------------------------------------------------------------------

ADMITTED, SECOND, OTHER = "https://shop.example", "http://127.0.0.1:3000", "https://evil.example"
PREFLIGHT = {"Access-Control-Request-Method": "POST",
             "Access-Control-Request-Headers": "authorization,content-type,idempotency-key"}


@pytest.fixture(scope="module")
def admitting(whole_stack):
    with gateway_with(whole_stack, CORS_ORIGINS=f"{ADMITTED} {SECOND}"):
        yield whole_stack


def words(answer, name):
    return {word.strip().lower() for line in answer.headers.get_all(name) or []
            for word in line.split(",")}


def test_without_origins_a_preflight_is_no_permission(stack):
    answer = stack.web.request("OPTIONS", "/api/book", headers={"Origin": ADMITTED, **PREFLIGHT})
    assert_problem(answer, 405)
    assert not [name for name in answer.headers if name.startswith("Access-Control")]
    assert "origin" not in words(answer, "Vary")


@pytest.mark.parametrize("origin", [ADMITTED, SECOND])
@pytest.mark.parametrize("path", ["/api/book", "/api/bookings/x/confirm", "/api/admin/audit",
                                  "/api/v1/events"])
def test_a_preflight_names_what_may_be_sent(admitting, origin, path):
    answer = admitting.web.request("OPTIONS", path, headers={"Origin": origin, **PREFLIGHT})
    assert (answer.status, answer.body) == (204, b""), answer
    assert answer.headers.get_all("Access-Control-Allow-Origin") == [origin]
    assert words(answer, "Access-Control-Allow-Methods") == {
        "delete", "get", "head", "patch", "post", "put"}
    assert {"authorization", "content-type", "idempotency-key", "if-none-match",
            "prefer"} <= words(answer, "Access-Control-Allow-Headers")
    assert answer.header("Access-Control-Allow-Credentials") is None
    assert "origin" in words(answer, "Vary")
    assert_headers(answer)


READ_BY_PAGES = {
    "a list": (200, "/api/events"), "a kept map": (200, "/api/events/EVENT"),
    "a refusal of a program": (401, "/api/bookings"), "no such thing": (404, "/nothing"),
    "another method": (405, "/api/book"), "no HTTP": (400, "/api/events#x"),
}


@pytest.mark.parametrize("what", READ_BY_PAGES)
def test_an_admitted_page_may_read_every_answer(admitting, event, what):
    status, path = READ_BY_PAGES[what]
    for origin in (ADMITTED, SECOND, ADMITTED):  # a kept answer is not another origin's
        answer = request(admitting, f"GET {path.replace('EVENT', event)}", f"Origin: {origin}")
        assert answer.status == status, answer
        assert answer.headers.get_all("Access-Control-Allow-Origin") == [origin]
        assert {"etag", "location", "ratelimit", "ratelimit-policy", "retry-after"} <= words(
            answer, "Access-Control-Expose-Headers")
        assert answer.header("Access-Control-Allow-Credentials") is None
        assert "origin" in words(answer, "Vary")


@pytest.mark.parametrize("origin", [
    OTHER, "null", "*", "https://shop.example.evil.example", "https://evil-shop.example",
    "https://shop.example:444", "http://shop.example", "https://shop.example/",
    "https://shop.example ", "https://shop.example,https://shop.example", "shop.example", ""])
def test_what_resembles_an_origin_is_none(admitting, event, origin):
    for method, path in (("GET", f"/api/events/{event}"), ("OPTIONS", "/api/book")):
        answer = admitting.web.request(method, path, headers={
            "Origin": origin, **(PREFLIGHT if method == "OPTIONS" else {})})
        allowed = answer.header("Access-Control-Allow-Origin")
        assert allowed is None or origin.strip() == allowed == ADMITTED, answer
        assert "origin" in words(answer, "Vary")


def test_only_admitted_pages_may_listen(admitting, event):
    path = f"/api/events/{event}/live"
    for kind in (STREAM, UPGRADE):
        answer = head_of(admitting.gateway_port, path, {**kind, "Origin": ADMITTED})
        assert answer.status in (101, 200), answer
        assert answer.headers.get_all("Access-Control-Allow-Origin") == [ADMITTED]
        assert answer.header("Access-Control-Allow-Credentials") is None
        refused = admitting.web.get(path, {**kind, "Origin": OTHER})
        assert_problem(refused, 403)
        assert refused.header("Access-Control-Allow-Origin") is None


@pytest.mark.parametrize("origins", ["*", "https://*.example", "https://a.example/", "a.example",
                                     "https://a.example\";", "null"])
def test_a_bad_origin_is_not_started_with(stack, origins):
    done = subprocess.run([ROOT / "start-services.sh", "up", "nginx"], stdin=subprocess.DEVNULL,
                          env={**stack.env, "CORS_ORIGINS": origins}, capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 1 and "CORS_ORIGINS" in done.stderr, done


# --- TLS ----------------------------------------------------------------------------------------

class Tls:
    def __init__(self, stack):
        self.port = stack.base + 443
        self.directory = stack.state / "nginx" / "tls"
        self.certificate = self.directory / "certificate.pem"

    def get(self, path="/healthz", **headers):
        return https(self.port, self.certificate, path=path, headers=headers)

    def handshake(self, *versions, ciphers=None):
        """The version and cipher that come of it."""
        context = ssl.create_default_context(cafile=self.certificate)
        context.minimum_version, context.maximum_version = versions
        if ciphers:
            context.set_ciphers(ciphers)
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as connection:
                return connection.version(), connection.cipher()[0]


@pytest.fixture(scope="module")
def tls(whole_stack):
    with gateway_with(whole_stack, SEATLINE_TLS="1",
                      SEATLINE_TLS_PORT=str(whole_stack.base + 443)):
        yield Tls(whole_stack)


@pytest.mark.parametrize("path, status", [
    ("/healthz", 200), ("/api/events", 200), ("/openapi.json", 200), ("/nothing", 404),
    ("/api/bookings", 401), ("/api/events#x", 400), ("/api/events/x/live#", 400)])
def test_by_https_every_answer_asks_to_come_by_https_again(tls, path, status):
    answer = tls.get(path)
    assert answer.status == status, answer
    assert_headers(answer, is_tls=True)


def test_the_plain_port_redirects_nobody(tls, stack):
    answer = stack.web.get("/healthz")
    assert answer.status == 200 and answer.header("Location") is None
    assert_headers(answer)


def test_old_versions_and_weak_ciphers_are_refused(tls):
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        spoken, cipher = tls.handshake(version, version)
        assert spoken == version.name.replace("_", ".") and ("GCM" in cipher or "POLY" in cipher)
    for arguments in (["-tls1"], ["-tls1_1"], ["-tls1_2", "-cipher", "AES128-SHA"],
                      ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"],
                      ["-tls1_2", "-cipher", "AES128-GCM-SHA256"]):
        cipher = [] if "-cipher" in arguments else ["-cipher", "ALL:@SECLEVEL=0"]
        done = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{tls.port}", *arguments, *cipher],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
        assert done.returncode != 0 and "alert" in done.stderr, (arguments, done)


def test_plain_http_on_the_https_port_is_refused(tls):
    with socket.create_connection(("127.0.0.1", tls.port), timeout=20) as plain:
        plain.sendall(b"GET /api/events HTTP/1.1\r\nHost: x\r\n\r\n")
        response = http.client.HTTPResponse(plain)
        response.begin()
        assert response.status == 400


def test_only_its_owner_can_read_the_key(tls):
    key = tls.directory / "key.pem"
    assert stat.S_IMODE(os.stat(key).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(tls.directory).st_mode) == 0o700


def test_the_certificate_is_made_once_and_names_where_it_is(tls, stack):
    before = tls.certificate.read_bytes()
    stack.script("stop", "nginx")
    stack.script("up", "nginx")
    assert tls.certificate.read_bytes() == before
    text = subprocess.run(["openssl", "x509", "-in", tls.certificate, "-noout", "-text"],
                          capture_output=True, text=True, timeout=20, check=True).stdout
    assert "DNS:localhost, IP Address:127.0.0.1" in text and "prime256v1" in text


# --- how often an address may ask ----------------------------------------------------------------

PROXY = "127.9.9.9"
QUOTAS = {"bookings": 4, "lists": 60, "auth": 2}
_addresses = (f"127.0.{n // 250 + 1}.{n % 250 + 1}" for n in itertools.count())


@pytest.fixture(scope="module")
def limiting(whole_stack):
    with gateway_with(whole_stack, ADDRESS_CONNECTIONS_MAX="5", TRUSTED_PROXIES=f"{PROXY}/32",
                      **{f"RATE_{name.upper()}_PER_MIN": str(quota)
                         for name, quota in QUOTAS.items()}):
        yield whole_stack


@pytest.fixture
def address(limiting):
    return Address(limiting.gateway_port, next(_addresses))


def statuses(address, count, *request):
    return [address.request(*request).status for _ in range(count)]


def assert_limited(answer, name, wait_s):
    assert_problem(answer, 429, ["address", "nothing was done"])
    assert answer.json()["type"] == "/problems/too-many-requests"
    assert answer.headers.get_all("Retry-After") == [str(wait_s)]
    assert answer.headers.get_all("RateLimit-Policy") == [f'"{name}";q={QUOTAS[name]};w=60']
    assert answer.headers.get_all("RateLimit") == [f'"{name}";r=0;t={wait_s}']
    assert_headers(answer)


CLASSES = {
    "bookings": (["POST /api/book", "POST /api/bookings", "POST /api/v1/book",
                  "POST /api/bookings/book", "PUT /api/bookings/x/confirm",
                  "PUT /api/bookings/x/extend", "PUT /api/bookings/x/cancel",
                  "DELETE /api/bookings/x", "DELETE /api/bookings/cancel/x"], 16),
    "lists": (["GET /api/events", "GET /api/bookings", "GET /api/bookings?userId=x",
               "GET /api/v1/events", "GET /api/shows", "GET /api/bookings/user/x",
               "HEAD /api/events"], 1),
    "auth": (["POST /api/auth/login", "POST /api/auth/register", "POST /api/v1/auth/login"], 31),
}


@pytest.mark.parametrize("name, line", [
    (name, line) for name, (lines, _) in CLASSES.items() for line in lines])
def test_an_address_may_ask_so_often_and_is_told_when_again(address, name, line):
    """Each class by each of its names: the first ones by one name, and then all others."""
    lines, wait_s = CLASSES[name]
    began = time.monotonic()
    first = lines[0].split()
    asked = statuses(address, QUOTAS[name], first[0], first[1], b"{}", JSON)
    assert 429 not in asked, asked
    method, path = line.split()
    answer = address.request(method, path, None if method == "GET" else b"{}", JSON)
    while name == "lists" and answer.status != 429:  # one more for each second that passed
        assert time.monotonic() - began < 20
        answer = address.request(method, path)
    if method == "HEAD":
        assert answer.status == 429
    else:
        assert_limited(answer, name, wait_s)


def test_who_is_limited_takes_nothing_from_others(limiting, address):
    assert statuses(address, QUOTAS["auth"] + 5, "POST", "/api/auth/login", b"{}", JSON)[-1] == 429
    other = Address(limiting.gateway_port, next(_addresses))
    assert 429 not in statuses(other, QUOTAS["auth"], "POST", "/api/auth/login", b"{}", JSON)
    # Nor of what else the same address asks.
    assert 429 not in statuses(address, 3, "GET", "/api/events")
    assert 429 not in statuses(address, QUOTAS["bookings"], "POST", "/api/book", b"{}", JSON)


def test_who_waits_as_told_is_let_in_again(address):
    deadline = time.monotonic() + 60  # meanwhile some of it comes back
    while (answer := address.request("GET", "/api/events")).status != 429:
        assert answer.status == 200
        assert time.monotonic() < deadline, "never limited"
    time.sleep(int(answer.header("Retry-After")))
    assert address.request("GET", "/api/events").status == 200


def test_another_address_cannot_be_claimed(limiting, address):
    headers = {"X-Forwarded-For": "192.0.2.1", "X-Real-IP": "192.0.2.2",
               "Forwarded": "for=192.0.2.3", "Content-Type": "application/json"}
    asked = [address.request("POST", "/api/auth/login", b"{}", {
        **headers, "X-Forwarded-For": f"192.0.2.{n}"}).status for n in range(6)]
    assert asked.count(429) == 6 - QUOTAS["auth"], asked


def test_a_trusted_proxy_says_whose_address_it_is(limiting):
    """The last one that is not a proxy: what stands before it, anybody may have written."""
    proxy = Address(limiting.gateway_port, PROXY)

    def ask(forwarded):
        return proxy.request("POST", "/api/auth/login", b"{}", {
            **JSON, "X-Forwarded-For": forwarded}).status

    for client in ("192.0.2.77", f"192.0.2.78, {PROXY}", f"192.0.2.80, {PROXY}"):
        assert [ask(client) for _ in range(4)].count(429) == 4 - QUOTAS["auth"]
    asked = [ask(f"198.51.100.{n}, 192.0.2.79") for n in range(4)]
    assert asked.count(429) == 4 - QUOTAS["auth"]


def test_a_network_of_ipv6_counts_as_one_address(limiting):
    """A /64 is what one customer gets; IPv4 written as IPv6 is no such network."""
    proxy = Address(limiting.gateway_port, PROXY)

    def ask(forwarded):
        return proxy.request("POST", "/api/auth/login", b"{}", {
            **JSON, "X-Forwarded-For": forwarded}).status

    asked = [ask(f"2001:db8:1:2:{n:x}::{n:x}") for n in range(1, 7)]
    assert asked.count(429) == 6 - QUOTAS["auth"], asked
    assert 429 not in [ask(f"2001:db8:1:{n:x}::1") for n in range(3, 9)]
    assert 429 not in [ask(f"::ffff:198.51.100.{n}") for n in range(200, 206)]


def test_what_has_no_limit_is_not_counted(limiting, address, event):
    for path in (f"/api/events/{event}", f"/api/events/{event}/layout", "/healthz", "/openapi.json",
                 "/docs", "/api/auth/me"):
        assert 429 not in statuses(address, 70, "GET", path), path
    assert 429 not in statuses(address, 70, "PUT", "/api/book")  # no such method: nothing to limit


def test_who_asks_too_often_does_not_fill_the_log(limiting, address):
    asked = statuses(address, 150, "POST", "/api/auth/login", b"{}", JSON)
    log = limiting.state / "log" / "nginx-access.log"
    count = asked.count(429)
    assert count == 150 - QUOTAS["auth"]

    def logged(status):
        return sum(f'"remote":"{address.address}"' in line and f'"status":{status}' in line
                   for line in log.read_text().splitlines())

    wait_for(lambda: logged(422) + logged(400) == QUOTAS["auth"], 10, "the others are logged")
    assert logged(429) < count / 4  # some one in a hundred


def test_a_refused_booking_has_no_effect(limiting, alice, address):
    event = alice.create_event(9)
    bodies = [f'{{"eventId":"{event}","seatId":"S{n}"}}'.encode() for n in range(1, 8)]
    answers = [address.request("POST", "/api/book", body, {**JSON, **alice.bearer})
               for body in bodies]
    accepted = [answer for answer in answers if answer.status == 202]
    assert len(accepted) == QUOTAS["bookings"]
    assert [answer.status for answer in answers[len(accepted):]] == [429] * 3
    for answer in accepted:
        alice.outcome(answer.json()["bookingId"])
    assert len(alice.history(event)) == QUOTAS["bookings"]


def test_an_address_has_so_many_requests_at_once(limiting, address):
    """Whose bodies do not come. Others have theirs, and one that ends makes room."""
    slow = []
    try:
        for _ in range(12):
            slow.append(address.connect())
            slow[-1].sendall(b"POST /api/events HTTP/1.1\r\nHost: x\r\n"
                             b"Content-Type: application/json\r\nContent-Length: 9999\r\n\r\n{")
        wait_for(lambda: len(go_on(slow)) == 12 - 5, 20, "all but five are answered")
        assert all(each.recv(12) == b"HTTP/1.1 429" for each in answered(slow))
        answer = address.request("GET", "/healthz")
        assert_problem(answer, 429, ["address"])
        assert_headers(answer)
        assert answer.header("Retry-After") == "2" and answer.header("RateLimit") is None
        other = Address(limiting.gateway_port, next(_addresses))
        assert other.request("GET", "/healthz").status == 200
        for each in set(slow) - set(answered(slow)):
            each.close()
        wait_for(lambda: address.request("GET", "/healthz").status == 200, 10, "there is room")
    finally:
        for each in slow:
            each.close()


def go_on(connections):
    """Those that are answered; all others send another byte, so that none is too slow."""
    done = answered(connections)
    for connection in set(connections) - set(done):
        connection.sendall(b" ")
    return done


def answered(connections):
    return select.select(connections, [], [], 0)[0]
