"""start-services.sh where people have to log in: what it shows works as it is shown."""

import contextlib
import http.client
import re
import subprocess
import threading
import time

import pytest

from support.insist import insist
from support.people import person
from support.stack import ROOT

ACCOUNTS = {"admin@example.com": "admin", "user@example.com": "user"}
MARK = "accounts"  # in the state directory, once they were made


def run(stack, *arguments, stdin="", **environment):
    return subprocess.run(
        [ROOT / "start-services.sh", *arguments], input=stdin, capture_output=True, text=True,
        timeout=120, env={**stack.env, **environment})


@pytest.fixture(scope="module")
def shown(whole_stack):
    """By the first start in this mode; its state is made to look as before that."""
    (whole_stack.state / MARK).unlink()
    return whole_stack.script("up")


def passwords(text):
    return dict(re.findall(r"^  (?:admin|user) +(\S+@\S+)  (\S+)$", text, re.MULTILINE))


def log_in(stack, email, password):
    return stack.web.post("/api/auth/login", {"email": email, "password": password})


def test_the_first_start_shows_accounts_that_work(stack, shown):
    assert set(passwords(shown)) == set(ACCOUNTS)
    for email, password in passwords(shown).items():
        assert len(password) >= 16
        answer = log_in(stack, email, password)
        assert (answer.status, answer.json()["role"]) == (200, ACCOUNTS[email]), answer


def test_their_passwords_are_nowhere_afterwards(stack, shown):
    for password in passwords(shown).values():
        found = subprocess.run(["grep", "-rlF", "--", password, stack.state],
                               capture_output=True, text=True, timeout=60)
        assert (found.returncode, found.stdout) == (1, ""), found
    assert not passwords(stack.script("up"))


def test_what_the_start_shows_can_be_pasted_into_a_shell(stack, shown):
    """All of it but the stream, which does not end; one booking comes of it."""
    lines = [line[2:] for line in shown.splitlines()
             if re.match("  (curl|token=|  sed)", line) and "/live" not in line]
    assert len(lines) == 5, shown
    done = subprocess.run(["bash", "-euc", "\n".join(lines)], capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 0, done
    [booking_id] = re.findall('"bookingId":"([^"]+)"', done.stdout)
    account = log_in(stack, "user@example.com", passwords(shown)["user@example.com"]).json()
    assert stack.web.request("GET", f"/api/bookings/{booking_id}", headers={
        "Authorization": f"Bearer {account['token']}"}).status == 200


def test_a_name_is_given_another_password_and_role(stack):
    made = run(stack, "account", "carla@example.org", "user", stdin="correct horse battery\n")
    assert made.returncode == 0 and "password" not in made.stdout, made
    answer = log_in(stack, "carla@example.org", "correct horse battery")
    assert (answer.status, answer.json()["role"]) == (200, "user")
    again = run(stack, "account", "carla@example.org", "admin")
    password = re.search('"password":"([^"]+)"', again.stdout).group(1)
    assert log_in(stack, "carla@example.org", "correct horse battery").status == 401
    answer = log_in(stack, "carla@example.org", password)
    assert (answer.status, answer.json()["role"]) == (200, "admin")


@pytest.mark.parametrize("arguments", [
    (), ("x@example.org",), ("x@example.org", "king"), ("nobody", "user"), ("", "user"),
    ("x@example.org", "user", "more")])
def test_what_is_no_account_is_not_made(stack, arguments):
    before = stack.pg_value("SELECT count(*) FROM users")
    assert run(stack, "account", *arguments, stdin="correct horse battery\n").returncode != 0
    assert stack.pg_value("SELECT count(*) FROM users") == before


@pytest.mark.parametrize("settings, said", [
    ({"AUTH_MODE": "off"}, "AUTH_MODE"), ({"RATE_AUTH_PER_MIN": "many"}, "RATE_AUTH_PER_MIN"),
    ({"ADDRESS_CONNECTIONS_MAX": "-1"}, "ADDRESS_CONNECTIONS_MAX"),
    ({"SEATLINE_TLS": "yes"}, "SEATLINE_TLS"), ({"SEATLINE_TLS_PORT": "0"}, "SEATLINE_TLS_PORT"),
    ({"AUTH_MODE": "open", "SEATLINE_GATEWAY_HOST": "0.0.0.0"}, "OPEN_MODE_ANYWHERE")])
def test_what_it_cannot_start_with_is_named_and_changes_nothing(stack, settings, said):
    before = (stack.state / "settings").read_text()
    done = run(stack, "up", "nginx", **settings)
    assert done.returncode == 1 and said in done.stderr, done
    assert (stack.state / "settings").read_text() == before


def test_nobody_else_can_look_at_what_servers_keep_and_log(stack):
    for name in ("kafka", "mongodb", "postgresql", "redis", "log", "pid", "tmp"):
        assert (stack.state / name).stat().st_mode & 0o077 == 0, name


# --- other settings over what runs ---------------------------------------------------------------

APIS = "write-api", "read-api"
OTHERS = "kafka", "postgresql", "redis", "mongodb", "worker-0", "worker-1", "projector-0", "nginx"


def pids(stack, *programs):
    return {name: stack[name].pid for program in programs for name in stack.instances(program)}


def up(stack, **settings):
    """Answers what it printed. Afterwards whoever comes is asked for what `settings` say."""
    done = run(stack, "up", **settings)
    assert done.returncode == 0, done
    stack.web.forget()
    return done.stdout


def audit(stack):
    return stack.web.get("/api/admin/audit").status


class Buyer(threading.Thread):
    """Books seat after seat until it is left; `accepted` are the bookings that got a 202."""

    def __init__(self, stack, seats):
        super().__init__()
        self._buyer, self._event, self._seats = person(stack), stack.create_event(seats), seats
        self._is_left = threading.Event()
        self.accepted, self.fault = [], None

    def run(self):
        try:
            for n in range(1, self._seats + 1):
                if self._is_left.wait(0.02):
                    return
                key = f"{self._event}-{n}"
                answer = insist(lambda: self._ask(f"S{n}", key))
                assert answer.status == 202, answer
                self.accepted.append(answer.json()["bookingId"])
        except Exception as fault:
            self.fault = fault

    def _ask(self, seat, key):
        """Again where nginx, which is told of new settings too, has left the connection."""
        for _ in range(10):
            with contextlib.suppress(OSError, http.client.HTTPException):
                return self._buyer.book(self._event, seat, Idempotency_Key=key)
            time.sleep(0.1)
        raise AssertionError(f"no answer about {seat}")

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._is_left.set()
        self.join()
        assert self.fault is None, self.fault


@pytest.fixture
def restored(whole_stack):
    """The stack, which has its own settings again afterwards."""
    yield whole_stack
    up(whole_stack)


def test_who_may_call_is_what_the_last_start_said(restored):
    """Over what runs, both ways; nothing that was accepted meanwhile is lost."""
    stack = restored
    stack.heal()
    before, others = pids(stack, *APIS), {name: stack[name].pid for name in OTHERS}
    assert audit(stack) == 401
    with Buyer(stack, 500) as buyer:
        assert up(stack, AUTH_MODE="open").count("restarted") == len(before)
        assert audit(stack) == 200
        between = pids(stack, *APIS)
        assert up(stack, AUTH_MODE="jwt").count("restarted") == len(before)
        assert audit(stack) == 401
    after = pids(stack, *APIS)
    assert len({*before.values(), *between.values(), *after.values()}) == 3 * len(before)
    assert {name: stack[name].pid for name in OTHERS} == others
    outcomes = stack.wait_settled(buyer.accepted, 30)
    assert {status for status, *_ in outcomes.values()} == {"confirmed"}
    assert len(outcomes) == len(buyer.accepted) > 0


def test_a_limit_is_what_the_last_start_said(restored):
    stack = restored
    assert "restarted" in up(stack, RATE_LISTS_PER_MIN="2")
    alice = person(stack)
    asked = [alice.web.get("/api/events") for _ in range(4)]
    assert 429 in [answer.status for answer in asked]
    assert asked[0].header("RateLimit-Policy") == '"lists";q=2;w=60'


def test_the_same_settings_restart_nothing(restored):
    """Nor does what one program alone was started with, by its name."""
    stack = restored
    stack.heal()
    before = {name: service.pid for name, service in stack.services.items()}
    assert "restarted" not in up(stack, LANES="4")
    assert {name: service.pid for name, service in stack.services.items()} == before
    for name in pids(stack, *APIS):
        kept = stack.state / "pid" / f"{name}.settings"
        assert kept.stat().st_mode & 0o777 == 0o600
        assert not any(secret in kept.read_text() for secret in stack.secrets.values())


def test_a_wider_address_is_opened_by_what_asks_who_is_there(restored):
    stack = restored
    up(stack, AUTH_MODE="open")
    wide = {"AUTH_MODE": "jwt", "SEATLINE_GATEWAY_HOST": "0.0.0.0"}
    by_name = run(stack, "up", "nginx", **wide)
    assert by_name.returncode == 1 and "runs with other settings" in by_name.stderr, by_name
    assert audit(stack) == 200
    assert "restarted" in up(stack, **wide)
    listening = subprocess.run(["ss", "-Hltn", f"sport = :{stack.gateway_port}"], text=True,
                               capture_output=True, check=True, timeout=20).stdout
    assert "0.0.0.0:" in listening and "127.0.0.1:" not in listening, listening
    assert audit(stack) == 401
    narrow = {"AUTH_MODE": "open", "SEATLINE_GATEWAY_HOST": "127.0.0.1"}
    by_name = run(stack, "up", "write-api", **narrow)
    assert by_name.returncode == 1 and "nginx listens on 0.0.0.0" in by_name.stderr, by_name
    assert audit(stack) == 401
    up(stack, AUTH_MODE="jwt", SEATLINE_GATEWAY_HOST="127.0.0.1")


@pytest.mark.parametrize("mode, said", [
    ("jwt", "the secrets of"), ("open", "PRODUCTION=1 needs AUTH_MODE=jwt")])
def test_a_demo_does_not_become_production_as_it_runs(stack, mode, said):
    settings = (stack.state / "settings").read_text()
    before = {name: service.pid for name, service in stack.services.items()}
    done = run(stack, "up", PRODUCTION="1", AUTH_MODE=mode)
    assert done.returncode == 1 and said in done.stderr, done
    assert (stack.state / "settings").read_text() == settings
    assert {name: service.pid for name, service in stack.services.items()} == before
    assert stack.web.get("/healthz").status == 200


def test_secrets_are_their_owners_and_say_that_they_are_a_demos(stack):
    assert (stack.state / "secrets").stat().st_mode & 0o777 == 0o600
    for name, value in stack.secrets.items():
        assert re.fullmatch("[0-9a-f]{64}", value) and value.startswith("de305ec2"), name
