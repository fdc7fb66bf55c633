#!/usr/bin/env python3
"""docs/CAPACITY.md, from what the benchmark measured.

usage: capacity.py RESULTS.JSON >CAPACITY.md

All of its numbers are figures of RESULTS.JSON, assumptions named here, or arithmetic that is shown.
"""
import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import burst  # noqa: E402 - after the path
from figures import Figures, spoken

REQUESTS, MINUTE_S = 500_000, 60
CONCURRENT, DAILY = 50_000, 1_000_000
SEATS_SOLD = 100_000      # of the requests so many can win
MAPS_EACH = 4             # loads of a map by one of the concurrent users in that minute
CHANGES_PER_S = 20        # messages a second and event, on the live channel
EVENTS = 20
BUSY = 0.6                # of a processor that may be planned with
KEPT_DAYS = 365
SALES_PER_DAY = 2
PLACES = 256
GB, MB = 1e9, 2**20
STAGES = (  # name, load it was measured under, whose processor time it takes
    ("accept", "accept.gateway256", ("nginx", "write-api", "kafka")),
    ("decide, a winner", "drain.fresh", ("worker", "postgresql", "redis", "kafka")),
    ("decide, a loser", "drain.losers", ("worker", "postgresql", "redis", "kafka")),
    ("project", "project.catch", ("projector", "mongodb", "postgresql", "kafka")),
    ("map, 1,000 seats", "read.gateway", ("nginx", "read-api")),
    ("live message", "live.5000", ("nginx",)),
)


class Plan:
    """The arithmetic; every number has a name that the text uses."""

    def __init__(self, figures):
        self.figures = figures
        self.cost = {name: sum(self.us(load, process) for process in processes)
                     for name, load, processes in STAGES}
        won = SEATS_SOLD / REQUESTS
        self.decide_us = won * self.cost["decide, a winner"] \
            + (1 - won) * self.cost["decide, a loser"]
        arrivals = burst.front_loaded(REQUESTS, MINUTE_S)
        self.peak = max(arrivals) / burst.STEP_S
        self.mean = REQUESTS / MINUTE_S
        self.hot = figures.median("drain.hot.ours")

    def us(self, load, process):
        return self.figures.median(f"cpu.{load}.{process}")  # what was not measured fails

    def cores(self, per_s, us):
        return per_s * us / 1e6 / BUSY

    def stages(self, scale=1):
        """Of the simulation; scale: how many times the processors of this machine."""
        rate = self.figures.median
        return [burst.Stage("accepted", self.cost["accept"],
                            scale * rate("accept.gateway256.ours")),
                burst.Stage("decided", self.decide_us, scale * rate("drain.fresh.ours")),
                burst.Stage("visible", self.cost["project"], rate("project.catch.ours"))]


def cost_lines(plan):
    for name, load, processes in STAGES:
        parts = " + ".join(f"{process} {spoken(plan.us(load, process))}" for process in processes)
        yield f"| {name} | {parts} | **{spoken(plan.cost[name])}** | `{load}` |"


def core_lines(plan):
    maps = CONCURRENT * MAPS_EACH / MINUTE_S
    messages = CONCURRENT * CHANGES_PER_S
    needs = (
        ("accept, at the peak", plan.peak, plan.cost["accept"]),
        ("decide, in the minute's mean", plan.mean, plan.decide_us),
        ("project, in the minute's mean", plan.mean, plan.cost["project"]),
        (f"maps: {CONCURRENT:,} users × {MAPS_EACH} / {MINUTE_S} s", maps,
         plan.cost["map, 1,000 seats"]),
        (f"live: {CONCURRENT:,} users × {CHANGES_PER_S}/s", messages, plan.cost["live message"]))
    total = 0.0
    for name, per_s, cost in needs:
        cores = plan.cores(per_s, cost)
        total += cores
        yield (f"| {name} | {per_s:,.0f} /s | {spoken(cost)} µs | {per_s:,.0f} × {spoken(cost)} /"
               f" 1,000,000 / {BUSY} | {cores:.1f} |")
    yield f"| together | | | | **{math.ceil(total)}** |"


def memory_lines(plan):
    for program in ("write-api", "worker", "projector", "read-api"):
        figure = plan.figures.get(f"memory.{program}.ours")
        if figure:
            yield f"| {program} | {spoken(figure.median)} MB each under load |"
    each = plan.figures.median("live.5000.memory")
    yield (f"| nginx, live | {spoken(each)} KB a subscriber × {CONCURRENT:,} ="
           f" {each * CONCURRENT / 1024:,.0f} MB |")


def disk_lines(plan):
    rows = SALES_PER_DAY * REQUESTS
    for name, what in (("kafka", "Kafka, 7 days kept"), ("postgresql", "PostgreSQL, bookings"
                       " and log with indexes"), ("wal", "PostgreSQL, write-ahead log a day"),
                       ("mongodb", "MongoDB, bookings")):
        each = plan.figures.median(f"size.{name}")
        days = {"kafka": 7, "wal": 1}.get(name, KEPT_DAYS)
        yield (f"| {what} | {each:,.0f} bytes × {rows:,} a day × {days}"
               f" | {each * rows * days / GB:,.1f} GB |")


def partitions(plan):
    lanes = math.ceil(plan.mean / plan.hot)
    return (f"One partition is one lane: {plan.hot:,.0f} bookings/s were measured on one hot"
            f" event. {plan.mean:,.0f}/s in the mean of the minute are {plan.mean:,.0f} /"
            f" {plan.hot:,.0f}, rounded up: {lanes} busy lane{'s' if lanes > 1 else ''};"
            f" the peak, {plan.peak:,.0f}/s, {math.ceil(plan.peak / plan.hot)}. Events fall on"
            " partitions by hash, so several times as many partitions as lanes keep them even:"
            f" {12 * max(1, math.ceil(lanes / 3))} partitions, and as many lanes in all workers as"
            " there are processors for them and for PostgreSQL's backends.")


def limit(plan):
    maps = CONCURRENT * MAPS_EACH / MINUTE_S * plan.cost["map, 1,000 seats"]
    needs = {"accepting (nginx, write-api, Kafka)": plan.peak * plan.cost["accept"],
             "deciding (worker, PostgreSQL)": plan.mean * plan.decide_us,
             "projecting (projector, MongoDB)": plan.mean * plan.cost["project"],
             "maps (nginx, read-api)": maps,
             "live messages (nginx)": CONCURRENT * CHANGES_PER_S * plan.cost["live message"]}
    first = max(needs, key=needs.get)
    told = ", ".join(f"{name} {need / 1e6:.1f}" for name, need in
                     sorted(needs.items(), key=lambda each: -each[1]))
    return f"Processors that are busy at those rates: {told}. The first limit is **{first}**."


def simulated(plan):
    for scale, cores in ((1, 2), (2, 4), (4, 8), (8, 16)):
        stages = plan.stages(scale)
        refused, seconds = burst.simulate(burst.front_loaded(REQUESTS, MINUTE_S), stages, cores,
                                          PLACES * scale)
        waits = " | ".join(" / ".join(duration(stage.wait_s(part)) for part in burst.PARTS)
                           for stage in stages)
        yield (f"| {cores} | {refused:,.0f} | {stages[1].longest:,.0f} | {stages[2].longest:,.0f}"
               f" | {waits} | {seconds:.0f} s |")


def duration(seconds):
    return f"{seconds:.1f} s" if seconds >= 1 else f"{max(seconds, burst.STEP_S) * 1000:.0f} ms"


def compared(plan):
    """The small burst: what was measured, and the same simulated with the clients' own cost."""
    figures = plan.figures
    accept = burst.Stage("accepted", plan.cost["accept"] + plan.us("burst", "clients"),
                         figures.median("accept.gateway256.ours"))
    stages = [accept, burst.Stage("decided", plan.cost["decide, a winner"],
                                  figures.median("drain.fresh.ours")),
              burst.Stage("visible", plan.cost["project"], figures.median("project.catch.ours"))]
    steps = int(burst.SECONDS / burst.STEP_S)
    accepted = figures.median("burst.accepted") + figures.median("burst.refused")
    refused, _ = burst.simulate([accepted / steps] * steps, stages, 2, PLACES)
    yield (f"| refused | {spoken(figures.median('burst.refused'))} | {refused:,.0f} |")
    for name, stage in (("accept", stages[0]), ("decided", stages[1])):
        for part in burst.PARTS:
            measured = figures.median(f"burst.{name}_p{part}")
            yield (f"| {name}, p{part} | {spoken(measured)} ms |"
                   f" {duration(stage.wait_s(part))} |")


TEXT = """# What a sale needs

Made by `tests/bench/capacity.py` from the figures of one run of the benchmark; do not edit. The
numbers are of that machine: {machine}. On another one run `tests/run.sh bench` first.

## The sale

{concurrent} people look on at once, {daily} come in a day; {requests} requests arrive in the first
minute, fewer and fewer of them: half in the first {half} s. That is {mean}/s in the mean and
{peak}/s at the very beginning. {sold} seats are to be had, in {events} events: one request in
{one_in} wins. {sales} such minutes a day are all requests of that day.

## What one operation costs

Processor time in µs, all threads, user and system; medians.

| operation | of which | together | load |
| --- | --- | ---: | --- |
{costs}

## Processors

A processor is planned to be busy {busy} % of the time; what is above that is for bursts, vacuum and
the neighbours. Deciding and projecting have a queue before them (Kafka, the booking log) and need
the mean only; accepting has none and needs the peak. One request in {one_in} costs what a winner
costs: {decide} µs in the mean.

| what | rate | each | arithmetic | processors |
| --- | ---: | ---: | --- | ---: |
{cores}

## Partitions and lanes

{partitions}

One hot event stays on one partition, whatever is added: {hot}/s is its ceiling. {per_event}
requests for one event wait {per_event} / {hot} = {hot_wait} s at most.

## Memory and disk

| what | memory |
| --- | --- |
{memory}

PostgreSQL's shared_buffers should hold the seats on sale and the bookings of the day; MongoDB's
cache the maps that are on sale. Rows of {sales} sales a day, {kept} days kept where nothing else
is said:

| what | arithmetic | disk |
| --- | --- | ---: |
{disk}

## The first limit, and what moves it

{limit}

| limit | what moves it |
| --- | --- |
| accepting | more write-apis, gateways and brokers: they share nothing |
| deciding | more partitions, lanes and workers; then events shared out among PostgreSQLs |
| one hot event | nothing but a faster processor for its lane and its backend |
| projecting | one projector is active: a faster processor, then splitting by slot |
| maps | more read-apis; a gateway that keeps answers for a moment |
| live messages | more gateways with Redis behind Nchan; fewer, larger messages |

## The burst, simulated

`tests/bench/burst.py`: the requests of that minute go through three stages that share so many
processors, at the costs above; {places} places at the gateway for each two processors, who finds
none comes again after 1 to 3 s. Times since the first attempt, p50 / p90 / p99. Everything but
bookings (maps, live messages) is left out.

| processors | refusals | most in Kafka | most in the log | accepted | decided | visible | over |
| ---: | ---: | ---: | ---: | --- | --- | --- | ---: |
{simulated}

## A real one, beside the simulation

{small} requests in {small_s} s through the gateway of that machine, whose processors the clients
share ({clients} µs a request, counted in the simulation).

| what | measured | simulated |
| --- | ---: | ---: |
{compared}

The simulation has the queues and no more: at rest a request takes no longer in it than its step of
{step} ms, and the processors' time is shared evenly.
"""


def rendered(figures, about):
    plan = Plan(figures)
    per_event = REQUESTS // EVENTS
    lines = {name: "\n".join(made(plan)) for name, made in (
        ("costs", cost_lines), ("cores", core_lines), ("memory", memory_lines),
        ("disk", disk_lines), ("simulated", simulated), ("compared", compared))}
    return TEXT.format(
        **lines, machine=about["machine"], concurrent=f"{CONCURRENT:,}", daily=f"{DAILY:,}",
        requests=f"{REQUESTS:,}", half=burst.HALF_S, mean=f"{plan.mean:,.0f}",
        peak=f"{plan.peak:,.0f}", sold=f"{SEATS_SOLD:,}", events=EVENTS,
        one_in=REQUESTS // SEATS_SOLD, sales=SALES_PER_DAY, busy=f"{BUSY * 100:.0f}",
        decide=spoken(plan.decide_us), partitions=partitions(plan), hot=f"{plan.hot:,.0f}",
        per_event=f"{per_event:,}", hot_wait=spoken(per_event / plan.hot), kept=KEPT_DAYS,
        limit=limit(plan), places=PLACES, small=f"{burst.REQUESTS:,}", small_s=burst.SECONDS,
        clients=spoken(plan.us("burst", "clients")), step=f"{burst.STEP_S * 1000:.0f}")


def main():
    print(rendered(*Figures.read(Path(sys.argv[1]))), end="")


if __name__ == "__main__":
    main()
