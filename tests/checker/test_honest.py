"""Of what was honest, the checker has nothing to say."""

from support import promises
from world import story


def test_nothing_is_found_and_every_promise_had_facts():
    w = story()
    report = promises.check(w.record, w.facts())
    assert {p: [str(v) for v in found] for p, (_, found) in report.items() if found} == {}
    assert all(checked > 5 for checked, _ in report.values()), report
