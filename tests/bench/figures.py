"""What was measured: named figures, a value a round, and what can be said about several."""

import json
import statistics
from dataclasses import dataclass, field


@dataclass
class Figure:
    unit: str
    values: list = field(default_factory=list)

    @property
    def median(self):
        return statistics.median(self.values)

    @property
    def span(self):
        return min(self.values), max(self.values)


class Figures:
    """Names are "<group>.<what>.<whose>", whose: ours, peer or the name of a floor."""

    def __init__(self):
        self.all = {}

    def add(self, name, value, unit):
        figure = self.all.setdefault(name, Figure(unit))
        assert figure.unit == unit, (name, unit, figure.unit)
        figure.values.append(value)
        print(f"    {name:<44} {spoken(value):>10} {unit}", flush=True)

    def get(self, name):
        return self.all.get(name)

    def median(self, name):
        return self.all[name].median

    def ratio(self, name, base):
        """Round by round: what disturbs the machine for a while disturbs both."""
        ours, other = self.get(name), self.get(base)
        if ours is None or other is None:
            return None
        return Figure("x", [a / b for a, b in zip(ours.values, other.values)])

    def write(self, path, about):
        path.write_text(json.dumps(
            {"about": about,
             "figures": {name: {"unit": figure.unit, "values": figure.values}
                         for name, figure in sorted(self.all.items())}}, indent=1) + "\n")

    @classmethod
    def read(cls, path):
        told = json.loads(path.read_text())
        figures = cls()
        figures.all = {name: Figure(each["unit"], each["values"])
                       for name, each in told["figures"].items()}
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
