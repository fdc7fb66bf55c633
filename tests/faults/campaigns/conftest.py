"""Every campaign begins in a whole system and finds the stack's fixtures in faults/conftest.py."""

import pytest

from support.campaign import Campaign


@pytest.fixture
def campaign(stack, tmp_path, request):
    """campaign("name", **options): see support/campaign.py."""
    return lambda name, **options: Campaign(
        stack, name, request.config.getoption("--full"), tmp_path, **options)
