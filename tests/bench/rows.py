"""The goals: what is asked of which figure, beside what."""

from dataclasses import dataclass

from seatline import PROGRAMS


@dataclass
class Goal:
    """At least, or else at most, `must`: of the figure, or of its ratio to the one beside it."""

    what: str
    figure: str
    beside: str = None
    must: float = None
    aim: float = None
    least: bool = True

    def measured(self, figures):
        """A Figure, or None when something was not measured."""
        if self.beside:
            return figures.ratio(self.figure, self.beside)
        return figures.get(self.figure)

    def is_met(self, measured, bound):
        return measured.median >= bound if self.least else measured.median <= bound


@dataclass
class Row:
    """what: as it is asked for. cpu: the loads whose processor time is told where a goal is missed.
    given: what is so by the way it is built or measured, not a finding."""

    what: str
    goals: list
    cpu: tuple = ()
    given: str = ""


def at_least(what, figure, beside, must, aim=None):
    return Goal(what, figure, beside, must, aim)


def at_most(what, figure, must, aim=None, beside=None):
    return Goal(what, figure, beside, must, aim, least=False)


ROWS = [
    Row("POST /api/book accepted after the broker's acknowledgement, direct, 64 connections", [
        at_least("x peer", "accept.64.ours", "accept.64.peer", 7),
        at_least("x nginx, 200 bytes", "accept.64.ours", "accept.64.nginx", 0.30, 0.40),
        at_most("p50", "accept.64.ours_p50", 3),
        at_most("p99", "accept.64.ours_p99", 12)], ("accept.64",),
        "Each booking is stored by the broker before it is answered; a file needs no broker."),
    Row("the same, 512 connections; through the gateway, 256 connections", [
        at_least("512: x nginx", "accept.512.ours", "accept.512.nginx", 0.35, 0.60),
        at_least("gateway: x nginx", "accept.gateway256.ours", "accept.gateway256.nginx",
                 0.20, 0.25)],
        ("accept.512", "accept.gateway256"),
        "Through the gateway each request is read and answered twice, by nginx and by write-api."),
    Row("backlog of 200,000 on fresh seats, from Kafka to committed in PostgreSQL", [
        at_least("x peer", "drain.fresh.ours", "drain.fresh.peer", 35, 55),
        at_least("x pgbench, 8 clients", "drain.fresh.ours", "drain.fresh.pgbench", 6, 8.5)],
        ("drain.fresh",)),
    Row("the same for one hot event, in one partition; with 90 % losers", [
        at_least("hot: x peer", "drain.hot.ours", "drain.fresh.peer", 25),
        at_least("losers: x winners", "drain.losers.ours", "drain.fresh.ours", 2)],
        ("drain.hot", "drain.losers"),
        "One partition is one lane. A loser is a booking and a row of the log as a winner is, and"
        " no seat."),
    Row("projector on that backlog", [
        at_most("map equal after the last commit, s", "project.behind.ours", 2),
        at_least("x updateOne per seat", "project.catch.ours", "project.catch.peer", 40, 80)],
        ("project.follow", "project.catch"), "Each booking is a document beside the maps."),
    Row("GET /api/events/{id}, direct: 1,000 seats; gzipped; 10,000 seats", [
        at_least("x peer", "read.map.ours", "read.map.peer", 80),
        at_least("x nginx, same file", "read.map.ours", "read.map.nginx", 0.80, 1.0),
        at_least("gzipped: x nginx, same file", "read.gzip.ours", "read.gzip.nginx", 0.85),
        at_least("10,000 seats: x nginx, same file", "read.large.ours", "read.large.nginx", 0.80)],
        ("read.map", "read.gzip", "read.large")),
    Row("the same through the gateway", [
        at_least("x nginx, same file", "read.gateway.ours", "read.gateway.nginx", 0.4, 0.9)],
        ("read.gateway",), "Each request is read and answered twice, by nginx and by read-api."),
    Row("the same, direct, while the event changes 500 times a second", [
        at_least("x at rest", "read.changing.ours", "read.map.ours", 0.3),
        at_most("oldest answer, ms", "read.changing.age_max", 250)],
        ("read.changing",)),
    Row("304 by ETag; GET /api/events", [
        at_least("304: x peer", "read.not_modified.ours", "read.not_modified.peer", 60),
        at_least("list: x peer", "read.list.ours", "read.list.peer", 60)],
        ("read.not_modified", "read.list")),
    Row("POST to visible in GET: at rest; at 500 requests/s", [
        at_most("at rest, p50", "visible.rest.visible_p50", 15, 5),
        at_most("at rest, p99", "visible.rest.visible_p99", 50, 15),
        at_most("busy, p50", "visible.busy.visible_p50", 25),
        at_most("busy, p99", "visible.busy.visible_p99", 100)],
        ("visible.rest", "visible.busy")),
    Row("PostgreSQL commit to a live subscriber: 100 subscribers; 5,000", [
        at_most("100: p99, ms", "live.100.p99", 60),
        at_most("5,000: p99, ms", "live.5000.p99", 300)],
        ("live.100", "live.5000"), "One client reads for all subscribers, on these processors."),
    Row("resident memory of the four programs under these loads; each idle", [
        at_most("together: x the peer's four", "memory.loaded.ours", 1 / 6, 1 / 12,
                "memory.loaded.peer"),
        *(at_most(f"{program} idle, MB", f"memory.idle_{program}.ours", 12)
          for program in PROGRAMS)],
        (), "Shared libraries count in each program that has them mapped."),
    Row("start of each program to ready; worker back after SIGTERM", [
        *(at_most(f"{program}, ms", f"starts.{program}", 200, 60) for program in PROGRAMS),
        at_most("worker back, s", "starts.worker_back", 1)],
        tuple(f"starts.{program}" for program in PROGRAMS)),
    Row("cost as it grows", [
        at_least("100,000 seats: x 1,000", "growth.seats.100000", "growth.seats.1000", 0.9),
        at_least("10,000 events: x 1", "growth.events.10000", "growth.events.1", 1.0),
        at_least("two lanes: x one", "growth.lanes.2", "growth.lanes.1", 1.6)],
        tuple(f"growth.{point}" for point in ("seats.100000", "seats.1000", "events.10000",
                                              "events.1", "lanes.2", "lanes.1"))),
    Row("./start-services.sh when everything is installed", [
        at_most("from stopped, s", "starts.services_stopped", 15, 8),
        at_most("after reset, s", "starts.services_reset", 15, 8)],
        ("starts.services_stopped", "starts.services_reset")),
]
