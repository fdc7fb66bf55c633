"""One stack for the whole run; each test makes its own events in it."""

import pytest

from support import Stack
from support.stack import ROOT


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true",
                     help="campaigns in full length, for the figures of FAULTS.md")
    parser.addoption("--short", action="store_false", dest="full", default=False,
                     help="campaigns in their short form, which is the default")


@pytest.fixture(scope="session")
def stack_settings():
    """Of start-services.sh; a suite whose stack has others says so in its conftest.py."""
    return {}


@pytest.fixture(scope="session")
def whole_stack(request, stack_settings):
    stack = Stack(settings=stack_settings)
    opened = False
    try:
        stack.open()
        opened = True
        yield stack
    finally:
        if not opened or request.session.testsfailed:
            stack.keep_logs(ROOT / ".run" / "tests" / "logs" / "stack")
        stack.close()


@pytest.fixture
def stack(whole_stack):
    return whole_stack


@pytest.fixture
def web(whole_stack):
    return whole_stack.web
