"""How the rates change with what they depend on: curves, a point for each size."""

import load
import plots
from drain import Backlog
from seatline import event_ids

COMMANDS, QUICK_COMMANDS = 20_000, 200
SIZES_SEATS = 100_000  # in each theatre in which an event's size differs; all in one partition
SIZES = (1_000, 10_000, 100_000)
EVENTS = (1, 10, 100, 1_000, 10_000)
QUICK = 100            # by which sizes and counts are less in the quick form
LANES = (1, 2)
LANES_EVENTS = 200
LANES_COMMANDS = 2     # times COMMANDS
CONNECTIONS = (1, 16, 64, 256)
CONNECTIONS_S = 2
CURVES = {  # title, what is below, points
    "seats": ("Outcomes a second, one partition", "seats of an event", SIZES),
    "events": ("Outcomes a second", "events", EVENTS),
    "lanes": ("Outcomes a second", "lanes", LANES),
    "connections": ("Bookings accepted a second, write-api direct", "connections", CONNECTIONS),
}


def plot(figures, directory):
    for name, (title, below, points) in CURVES.items():
        drawn = plots.curve(title, below, [(f"{point:,}", figures.get(f"growth.{name}.{point}"))
                                           for point in points])
        (directory / f"growth-{name}.svg").write_text(drawn)


class Theatre:
    """Events for one point, measured once."""

    def __init__(self, bench, name, count, commands, size=None):
        self.bench, self.name, self.seats = bench, name, max(1, commands // count)
        self.ids = event_ids(bench.fresh_name("grow"), count, 0 if size else None)
        bench.seatline.add_events(self.ids, size or self.seats)

    def measure(self, **environment):
        seatline = self.bench.seatline
        seatline.run_only()
        made = Backlog(seatline, self.ids, (len(self.ids), self.seats, 1))
        with self.bench.cpu(f"growth.{self.name}") as cpu:
            rate = made.decide(self.bench, **environment)
            cpu.operations = made.commands
        self.bench.figures.add(f"growth.{self.name}", rate, "/s")


def prepare(bench):
    """Once: the projector needs a while for ten thousand events."""
    less = QUICK if bench.quick else 1
    commands = QUICK_COMMANDS if bench.quick else COMMANDS
    bench.theatres = {
        "sizes": [Theatre(bench, f"seats.{size}", SIZES_SEATS // size, commands, size // less)
                  for size in SIZES],
        "events": [Theatre(bench, f"events.{count}", max(1, count // less), commands)
                   for count in EVENTS],
        "lanes": [Theatre(bench, f"lanes.{count}", LANES_EVENTS, commands * LANES_COMMANDS)
                  for count in LANES]}


def run(bench):
    bench.seatline.run_only()
    bench.settle()
    bench.in_turn([lambda: sizes(bench), lambda: lanes(bench), lambda: connections(bench)])


def points(bench, curve):
    """The ends of a curve are enough for the quick form."""
    return bench.rotated(curve[::len(curve) - 1] if bench.quick else curve)


def sizes(bench):
    for theatre in points(bench, bench.theatres["sizes"]) + points(bench, bench.theatres["events"]):
        theatre.measure()


def lanes(bench):
    for count, theatre in bench.rotated(list(zip(LANES, bench.theatres["lanes"]))):
        theatre.measure(LANES=str(count))


def connections(bench):
    """POST /api/book, write-api direct."""
    seatline = bench.seatline
    seatline.run_only("write-api")
    for count in points(bench, CONNECTIONS):
        told = load.book(seatline.write_port, count, min(CONNECTIONS_S, bench.seconds))
        bench.figures.add(f"growth.connections.{count}", told.per_s, "/s")
    seatline.rest()
