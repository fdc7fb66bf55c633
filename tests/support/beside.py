"""A program of its own beside those of the stack, with other settings."""

import contextlib
import signal
import subprocess

from support.stack import ROOT
from support.wait import wait_for
from support.web import Client

PORTS = 320  # from here on of the stack's base, that nothing else has
ALIVE_S = 20
END_S = 30


def environment(stack, program, **changes):
    """As the first instance has it, on other ports."""
    ports = {"OPS_PORT": PORTS, "HTTP_PORT": PORTS + 1, "WAIT_PORT": PORTS + 2}
    return {**stack[f"{program}-0"].env,
            **{name: str(stack.base + port) for name, port in ports.items()}, **changes}


@contextlib.contextmanager
def running(stack, program, log, **changes):
    """Answers a client of its private port; its log is the file."""
    with open(log, "wb") as out:
        child = subprocess.Popen([stack.build / program / program], cwd=ROOT, stdout=out,
                                 stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                 env=environment(stack, program, **changes))
    try:
        ops = Client(stack.base + PORTS)
        wait_for(lambda: ops.get("/livez").status == 200, ALIVE_S, f"{program} is alive")
        yield ops
        assert child.poll() is None, log.read_text()
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(END_S)
