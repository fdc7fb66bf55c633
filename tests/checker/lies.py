"""How a test of the checker lies, and what the checker says of it.

A lie takes the honest world and changes what clients were told, what Kafka has or what the log has:
all that is made from these is told alike. What it answers, if anything, then changes the facts:
tables, documents, what was told.
"""

from support import promises
from world import story


class Lies(list):
    """Of one file: @lies("P1") names the promise that breaks, and only that one; shows: a text that
    has to be among the records."""

    def __call__(self, promise, shows=""):
        def add(lie):
            self.append((promise, shows, lie))
            return lie
        return add


def name_of(value):
    return getattr(value, "__name__", None)


def judged(lie):
    """Promise -> what was found wrong, as text."""
    w = story()
    then = lie(w)
    facts = w.facts()
    if then:
        then(facts)
    report = promises.check(w.record, facts)
    return {promise: [str(violation) for violation in found]
            for promise, (_, found) in report.items() if found}


def assert_found(promise, shows, lie):
    found = judged(lie)
    assert set(found) == {promise}, found
    assert any(shows in text for text in found[promise]), found
