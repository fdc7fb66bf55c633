"""Waiting for something to become true: always bounded, and the failure says for what."""

import time

POLL_S = 0.02


def wait_for(predicate, within, what):
    """Answers the first truthy value of predicate(); fails after `within` seconds.

    An exception of the predicate counts as "not yet", and is shown when time is up.
    """
    deadline = time.monotonic() + within
    last_error = None
    while True:
        try:
            value = predicate()
            last_error = None
            if value:
                return value
        except Exception as error:  # a server that is coming back refuses in many ways
            value, last_error = None, error
        if time.monotonic() >= deadline:
            seen = f"{last_error!r}" if last_error else f"{value!r}"
            raise AssertionError(f"not within {within} s: {what}; last seen: {seen[:2000]}")
        time.sleep(POLL_S)
