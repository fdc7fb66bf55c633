"""What programs do about passwords: wrong ones, those of the demo, and none of them in a log."""

import os
import secrets

import pytest

from lib import leaks
from support.beside import environment, running
from support.people import mint
from support.wait import wait_for

EXIT_BAD = 78
WRONG = "hunter2hunter2hunter2"
PROGRAMS = ("write-api", "worker", "projector", "read-api")
DEMO = leaks.DEMO_MARK


@pytest.mark.parametrize("program", ["write-api", "worker"])
def test_with_a_wrong_password_of_kafka_it_is_not_ready_and_says_why(stack, program, tmp_path):
    log = tmp_path / "log"
    with running(stack, program, log, KAFKA_SASL_PASSWORD=WRONG) as ops:
        wait_for(lambda: "Authentication failed" in log.read_text(), 20, "it says why")
        wait_for(lambda: ops.get("/readyz").status == 503, 20, "it is not ready")
        assert ops.get("/readyz").json()["checks"]["kafka"] == "down"
    assert WRONG not in log.read_text()


def test_the_projector_goes_on_with_maps_and_says_why_it_tells_kafka_nothing(stack, tmp_path):
    log = tmp_path / "log"
    with running(stack, "projector", log, KAFKA_SASL_PASSWORD=WRONG) as ops:
        wait_for(lambda: "Authentication failed" in log.read_text(), 20, "it says why")
        wait_for(lambda: ops.get("/readyz").status == 200, 20, "it is ready")
    assert WRONG not in log.read_text()


@pytest.mark.parametrize("changes,says", [
    ({"KAFKA_SECURITY_PROTOCOL": "SASL"}, "KAFKA_SECURITY_PROTOCOL"),
    ({"KAFKA_SASL_MECHANISM": "GUESS"}, "KAFKA_SASL_MECHANISM"),
    ({"KAFKA_SASL_USER": ""}, "KAFKA_SASL_USER"),
    ({"KAFKA_SASL_PASSWORD": ""}, "KAFKA_SASL_PASSWORD"),
])
@pytest.mark.parametrize("program", ["write-api", "worker", "projector"])
def test_settings_of_kafka_that_make_no_sense_are_refused(stack, program, changes, says):
    done = stack.program(program, env=environment(stack, program, **changes))
    assert (done.returncode, says in done.stderr) == (EXIT_BAD, True), done.stderr


# --- PRODUCTION=true -----------------------------------------------------------------------------

def own(stack, environment_):
    """The same with no secret of the demo."""
    hexadecimal = {value: "0" * 8 + secrets.token_hex(28) for value in stack.secrets.values()}
    changed = {}
    for name, text in environment_.items():
        for value, other in hexadecimal.items():
            text = text.replace(value, other)
        changed[name] = text
    return changed


@pytest.mark.parametrize("program", PROGRAMS)
def test_production_takes_no_secret_of_the_demo(stack, program):
    given = environment(stack, program, PRODUCTION="true")
    done = stack.program(program, env=given)
    assert done.returncode == EXIT_BAD, done.stderr
    complaints = [line for line in done.stderr.splitlines() if "is a secret of the demo" in line]
    secret = {name for name, value in given.items()
              if any(known in value for known in stack.secrets.values())}
    named = {line.split()[1] for line in complaints}
    assert named and named <= secret, done.stderr
    assert DEMO not in done.stderr + done.stdout


@pytest.mark.parametrize("program", ["write-api", "read-api"])
def test_production_does_not_let_everybody_do_everything(stack, program):
    given = own(stack, environment(stack, program, PRODUCTION="true", AUTH_MODE="open"))
    done = stack.program(program, env=given)
    assert done.returncode == EXIT_BAD, done.stderr
    assert "AUTH_MODE=open" in done.stderr


@pytest.mark.parametrize("program", PROGRAMS)
def test_production_starts_with_secrets_of_its_own(stack, program, tmp_path):
    given = own(stack, environment(stack, program, PRODUCTION="true"))
    with running(stack, program, tmp_path / "log", **given) as ops:
        assert ops.get("/livez").status == 200


# --- logs ----------------------------------------------------------------------------------------

def test_no_log_has_a_secret(stack, alice):
    """Of this stack, whatever tests did before."""
    stack.web.post("/api/auth/login", {"email": "a@example.com", "password": WRONG})
    stack.web.get(f"/api/bookings?token={mint(stack, 'u-x')}", {"Authorization": "Bearer x.y.z"})
    stack.web.post("/api/book", {"password": WRONG}, alice.bearer)
    known = [*leaks.known_values(stack.state / "secrets"), ("WRONG", WRONG),
             ("TOKEN", alice.token)]
    logs = [path for path in (stack.state / "log").iterdir() if path.is_file()]
    assert len(logs) > 10
    for path in logs:
        assert list(leaks.leaks_of(path, known)) == [], path.name


def test_no_argument_has_a_secret(stack):
    """Arguments are for all to see."""
    values = [value for _, value in leaks.known_values(stack.state / "secrets")]
    for name, service in stack.services.items():
        with open(f"/proc/{service.pid}/cmdline", "rb") as file:
            line = file.read().decode()
        assert not any(value in line for value in values), name


def test_files_with_secrets_are_for_their_owner(stack):
    values = [value for _, value in leaks.known_values(stack.state / "secrets")]
    for directory, _, names in os.walk(stack.state):
        if os.path.basename(directory) in ("data", "log"):
            continue
        for name in names:
            path = os.path.join(directory, name)
            if os.path.islink(path) or not os.path.isfile(path) or os.stat(path).st_size > 1 << 20:
                continue
            with open(path, errors="replace") as file:
                text = file.read()
            if any(value in text for value in values):
                assert os.stat(path).st_mode & 0o077 == 0, path
