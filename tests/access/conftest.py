"""One stack for the suite, with accounts (AUTH_MODE=jwt) and without limits of requests.

`stack` and `web` are nobody; `alice`, `bob` and `admin` are the stack as they see it:
`alice.hold(event, ["S1"])`, `admin.web.post("/api/events", {...})`, `bob.booking(id)`.
stack.create_event() writes to PostgreSQL and needs nobody; support.people.post_event(admin) asks.
The suite is run by itself: it has the ports and the directory that others use.
"""

import pytest

from support import effects
from support.callers import ACCOUNTS, admin, alice, bob  # noqa: F401 - fixtures
from support.people import mint


@pytest.fixture(scope="session")
def stack_settings():
    return ACCOUNTS


@pytest.fixture
def token_of(whole_stack):
    """token_of("u-1", "admin", exp=1): any token, right or wrong; see support.people.mint."""
    return lambda *arguments, **changes: mint(whole_stack, *arguments, **changes)


@pytest.fixture
def nothing(whole_stack):
    """Nothing comes of what the test does."""
    with effects.none(whole_stack):
        yield
