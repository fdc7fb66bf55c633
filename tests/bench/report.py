"""RESULTS.md: the goals and what was measured, the machine, and how to measure it again."""

import os
import subprocess
from pathlib import Path

from accept import THREADS_512
from drain import STEPS
from figures import spoken
from load import THREADS
from rows import ROWS

PACKAGES = ("nginx", "postgresql-15", "redis-server", "librdkafka1", "libcivetweb1",
            "libmongoc-1.0-0", "openjdk-17-jre-headless", "wrk")
CPU_US_MIN = 0.01  # what is told of a process
OTHERS = ("Apache Kafka 4.1.1", "MongoDB 6.0.5")


def machine():
    model = next(line.partition(":")[2].strip() for line in open("/proc/cpuinfo")
                 if line.startswith("model name"))
    memory = int(open("/proc/meminfo").readline().split()[1]) / 2**20
    return (f"{os.cpu_count()} processors ({model}), {memory:.0f} GB of memory,"
            f" Linux {os.uname().release.partition('-')[0]}")


def versions():
    told = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}\n", *PACKAGES],
                          text=True, stdout=subprocess.PIPE, check=False).stdout.splitlines()
    node = subprocess.run(["node", "--version"], text=True, stdout=subprocess.PIPE, check=True)
    return [*told, *OTHERS, f"Node.js {node.stdout.strip()}"]


def commit():
    return subprocess.run(["git", "-C", Path(__file__).parent, "rev-parse", "--short", "HEAD"],
                          text=True, stdout=subprocess.PIPE, check=False).stdout.strip()


def about(bench):
    """What has to be known of a run later."""
    return {"rounds": bench.rounds, "seconds": bench.seconds, "machine": machine(),
            "versions": versions(), "commit": commit(), "instructions": instructions(bench),
            "fewer": ", ".join(f"{name} {most}" for name, most in bench.rounds_max.items()
                              if most < bench.rounds) or "none"}


def range_of(figure):
    low, high = figure.span
    return spoken(figure.median) if len(figure.values) == 1 or low == high else \
        f"{spoken(figure.median)} ({spoken(low)}–{spoken(high)})"


def bound(goal, number):
    if number is None:
        return ""
    sign = "≥" if goal.least else "≤"
    return f"{sign} {number:.3g}"


def verdict(goal, measured):
    if measured is None:
        return "not measured"
    if not goal.is_met(measured, goal.must):
        return "**missed**"
    return "yes, and the aim" if goal.aim and goal.is_met(measured, goal.aim) else "yes"


def goal_line(goal, figures):
    measured = goal.measured(figures)
    ours = figures.get(goal.figure)
    cells = [goal.what, f"{range_of(ours)} {ours.unit}" if ours else ""]
    other = figures.get(goal.beside) if goal.beside else None
    cells.append(f"{range_of(other)} {other.unit}" if other else "")
    cells.append(range_of(measured) if measured and goal.beside else "")
    cells += [bound(goal, goal.must), bound(goal, goal.aim), verdict(goal, measured)]
    return f"| {' | '.join(cells)} |"


def goals(figures):
    for row in ROWS:
        yield f"| **{row.what}** | | | | | | |"
        yield from (goal_line(goal, figures) for goal in row.goals)


def is_missed(goal, figures):
    measured = goal.measured(figures)
    return measured is None or not goal.is_met(measured, goal.must)


def cpu_of(load, figures):
    """"write-api 20, kafka 12" of one load, most first."""
    found = {name.removeprefix(f"cpu.{load}."): figure.median
             for name, figure in figures.all.items() if name.startswith(f"cpu.{load}.")}
    told = sorted(found.items(), key=lambda each: -each[1])
    return ", ".join(f"{process} {spoken(spent)}" for process, spent in told if spent >= CPU_US_MIN)


def missed(figures):
    for row in ROWS:
        names = [goal.what for goal in row.goals if is_missed(goal, figures)]
        if names:
            yield f"- **{row.what}**: {'; '.join(names)}.{' ' * bool(row.given)}{row.given}"
            yield from (f"  Processor time, µs each, `{load}`: {cpu_of(load, figures)}."
                        for load in row.cpu if cpu_of(load, figures))


def loads(figures):
    seen = sorted({name.split(".", 1)[1].rpartition(".")[0] for name in figures.all
                   if name.startswith("cpu.")})
    for load in seen:
        yield f"| `{load}` | {cpu_of(load, figures)} |"


def steps(figures):
    for step in STEPS:
        figure = figures.get(f"step.{step}.ours")
        if figure:
            yield f"| {step} | {range_of(figure)} |"


def batch(figures):
    figure = figures.get("step.batch.ours")
    return range_of(figure) if figure else "not measured"


def instructions(bench):
    """What instructions.py has found out there, when it was run."""
    file = bench.work / "instructions.txt"
    return file.read_text() if file.exists() else "not counted\n"


def rest(figures):
    for name, figure in sorted(figures.all.items()):
        if not name.startswith("cpu."):
            yield f"| `{name}` | {range_of(figure)} | {figure.unit} |"


TEXT = """# Results of the benchmark

Made by `tests/run.sh bench`; do not edit. Seatline, the Node.js peer and the floors, side by side
in one run: {rounds} rounds (fewer: {fewer}), loads of {seconds} s, in another order each
round, what is compared by turns. A cell is the median and, in parentheses, the least and the most
of the rounds; a ratio is made within its round. On another machine only the ratios are to be
compared.

Machine: {machine}. The load generator, the servers and what is measured share it. Commit {commit}.
Versions: {versions}.

## Goals

| what | measured | beside it | ratio | must | aim | met |
| --- | ---: | ---: | ---: | ---: | ---: | --- |
{goals}

## Where a goal is missed

{missed}

## Where the time goes

Processor time of all threads of a process, user and system, in µs for one operation (a request, a
booking, a seat). PostgreSQL and nginx with all their processes.

| load | µs each |
| --- | --- |
{loads}

Steps of the worker on the backlog of 200,000 on fresh seats, all lanes together; the mean batch has
{batch} messages.

| step | µs a booking |
| --- | ---: |
{steps}

Instructions of the worker's own process, as `tests/bench/instructions.py` has callgrind count them:

```text
{instructions}```

## Cost as it grows

![Outcomes a second by the seats of an event](growth-seats.svg)
![Outcomes a second by the number of events](growth-events.svg)
![Outcomes a second by lanes](growth-lanes.svg)
![Bookings accepted a second by connections](growth-connections.svg)

## How

    tests/run.sh bench                # everything
    tests/run.sh bench --only read    # one group
    SEATLINE_BUILD_DIR=build tests/bench/instructions.py .run/tests/bench/instructions.txt

- Load is `wrk` with {threads} threads: `tests/bench/book.lua` for bookings, plain GETs else. The
  broker and the peer's APIs are warmed up by a load that does not count.
- Seatline runs as `start-services.sh` starts it; for 512 connections write-api has `HTTP_THREADS`
  of {threads_512}.
- The peer runs as its `run.sh` starts it, with its defaults, on the same Kafka, PostgreSQL, Redis
  and MongoDB; it has a topic and databases of its own.
- A backlog is produced while the worker is stopped (`tests/bench/preload.c`); its rate is from the
  first to the last decision by PostgreSQL's clock. Requests come event after event, as the peer's
  own `drain.js` writes them; `drain.mixed` has one of each event in turn. Afterwards each request
  has exactly one outcome and each seat one owner, or the run fails.
- `pgbench` writes the same three rows (seat, booking, log) to the same tables in one statement,
  prepared, with 8 clients. Each claims the seats of its own events in order, with growing ids of
  its own; 8,000 claims before it counts, then 32,000. Both this and a backlog begin after a
  CHECKPOINT.
- nginx's files are the answers of read-api, byte for byte; 2 workers, no log, open files cached.
  Beside the gateway stands one with the gateway's priority, else one with none, as the programs.
- The age of a map, while it changes, is from PostgreSQL's `decided_at` of the first change that it
  lacks, shortly before that was committed, to the end of the answer.
- `clients` is the benchmark itself: the load and whoever waits for the end.
- What is not measured is stopped, or idle.

## All figures

| figure | median (range) | unit |
| --- | ---: | --- |
{rest}
"""


def rendered(figures, about):
    parts = {"goals": goals(figures), "missed": missed(figures), "loads": loads(figures),
             "steps": steps(figures), "rest": rest(figures)}
    lines = {name: "\n".join(made) or "None is." for name, made in parts.items()}
    return TEXT.format(
        **{**about, **lines, "versions": ", ".join(about["versions"])}, threads=THREADS,
        threads_512=THREADS_512, batch=batch(figures))
