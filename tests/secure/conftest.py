"""One stack for the suite with SECURE=1 and accounts: every server asks everybody who they are.

`alice` and `admin` are the stack as they see it. The suite is run by itself: it has the ports and
the directory that others use.
"""

import pytest

from support.callers import ACCOUNTS, admin, alice  # noqa: F401 - fixtures


@pytest.fixture(scope="session")
def stack_settings():
    return {**ACCOUNTS, "SECURE": "1"}
