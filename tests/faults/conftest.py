"""Fault tests stop, kill and pause parts of the stack: each begins and leaves with all running."""

import pytest


@pytest.fixture
def stack(whole_stack):
    whole_stack.heal()
    yield whole_stack
    whole_stack.heal()
