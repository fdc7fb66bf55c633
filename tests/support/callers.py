"""What the conftest.py of a suite whose stack has accounts takes: its settings, and who calls.

`alice`, `bob` and `admin` are the stack as they see it; `stack` and `web` are nobody.
"""

import pytest

from support.people import person

# Of start-services.sh: accounts, and without limits of requests.
ACCOUNTS = {"AUTH_MODE": "jwt", "RATE_BOOKINGS_PER_MIN": "0", "RATE_LISTS_PER_MIN": "0",
            "RATE_AUTH_PER_MIN": "0"}


@pytest.fixture
def admin(whole_stack):
    return person(whole_stack, "admin")


@pytest.fixture
def alice(whole_stack):
    return person(whole_stack)


@pytest.fixture
def bob(whole_stack):
    return person(whole_stack)
