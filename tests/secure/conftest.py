"""One stack for the suite with SECURE=1 and accounts: every server asks everybody who they are.

`alice` and `admin` are the stack as they see it. The suite is run by itself: it has the ports and
the directory that others use.
"""

import pytest

from support.people import person

SETTINGS = {"SECURE": "1", "AUTH_MODE": "jwt", "RATE_BOOKINGS_PER_MIN": "0",
            "RATE_LISTS_PER_MIN": "0", "RATE_AUTH_PER_MIN": "0"}


@pytest.fixture(scope="session")
def stack_settings():
    return SETTINGS


@pytest.fixture
def admin(whole_stack):
    return person(whole_stack, "admin")


@pytest.fixture
def alice(whole_stack):
    return person(whole_stack)
