"""What was measured: named figures, a value a round, and what can be said about several."""

import contextlib
import json
import statistics
from dataclasses import dataclass, field


@dataclass
class Figure:
    """by_round: a value of each round in which it was measured."""

    unit: str
    by_round: dict = field(default_factory=dict)

    @property
    def values(self):
        return list(self.by_round.values())

    @property
    def median(self):
        return statistics.median(self.values)

    @property
    def span(self):
        return min(self.values), max(self.values)


class Figures:
    """Names are "<group>.<what>.<whose>", whose: ours, peer or the name of a floor. round: the one
    that is being measured."""

    def __init__(self):
        self.all, self.round = {}, 0

    def add(self, name, value, unit):
        figure = self.all.setdefault(name, Figure(unit))
        assert figure.unit == unit, (name, unit, figure.unit)
        assert self.round not in figure.by_round, (name, self.round)
        figure.by_round[self.round] = value
        print(f"    {name:<44} {spoken(value):>10} {unit}", flush=True)

    @contextlib.contextmanager
    def all_or_none(self):
        """What is added meanwhile is taken back when it ends with an error."""
        before = {(name, number) for name, figure in self.all.items() for number in figure.by_round}
        try:
            yield
        except BaseException:
            for name, figure in list(self.all.items()):
                for number in list(figure.by_round):
                    if (name, number) not in before:
                        del figure.by_round[number]
                if not figure.by_round:
                    del self.all[name]
            raise

    def get(self, name):
        return self.all.get(name)

    def median(self, name):
        return self.all[name].median

    def ratio(self, name, base):
        """Round by round: what disturbs the machine for a while disturbs both."""
        ours, other = self.get(name), self.get(base)
        if ours is None or other is None:
            return None
        both = {number: ours.by_round[number] / other.by_round[number]
                for number in ours.by_round if number in other.by_round}
        return Figure("x", both) if both else None

    def write(self, path, about):
        path.write_text(json.dumps(
            {"about": about,
             "figures": {name: {"unit": figure.unit, "by_round": figure.by_round}
                         for name, figure in sorted(self.all.items())}}, indent=1) + "\n")

    @classmethod
    def read(cls, path):
        told = json.loads(path.read_text())
        figures = cls()
        for name, each in told["figures"].items():
            by_round = {int(number): value for number, value in each["by_round"].items()}
            figures.all[name] = Figure(each["unit"], by_round)
        return figures, told["about"]


def spoken(value):
    """Three digits or so are all that a machine repeats."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 100:
        return f"{value:.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}"
