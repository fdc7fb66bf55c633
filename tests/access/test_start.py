"""start-services.sh where people have to log in: what it shows works as it is shown."""

import re
import subprocess

import pytest

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


def test_secrets_are_their_owners_and_say_that_they_are_a_demos(stack):
    assert (stack.state / "secrets").stat().st_mode & 0o777 == 0o600
    for name, value in stack.secrets.items():
        assert re.fullmatch("[0-9a-f]{64}", value) and value.startswith("de305ec2"), name
