"""What the suites share: one throwaway Seatline, and clients of everything it is made of."""

from support.stack import Stack
from support.wait import wait_for

__all__ = ["Stack", "wait_for"]
