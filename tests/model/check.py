#!/usr/bin/env python3
"""Check the model of lanes, locks, fence, redelivery and expiry: every state, no sampling.

usage: check.py [--decisions PROGRAM] [--run NAME]... [--junit FILE] [--scratch DIR] [--mutant]
  --decisions   the built tests/model/decisions: its table must be the model's
  --run         only this run of the model
  --junit       also write the verdicts there
  --mutant      stop at the first counterexample and say only what it violates

1. Whatever the model says it stands for is there in worker/, and nothing is left out: each fault
   point and each SQL statement is named by it, or by LEFT_OUT.
2. Its table of decisions equals what decide() and journal_apply() do.
3. Each run is searched to its end without an error, within its bounds; and each step of the model
   is taken in one of them. A counterexample is told step by step.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
WORKER = TOP / "worker"

# What may happen in each run, and how often. The first two exhaust one partition, whose owners
# cannot meet at a row; "partitions" adds another one, for locks and rows; "ends" looks for a way
# never to come to an end.
RUNS = {
    "fight": ["RUN_fight", "CRASHES=1", "MOVES=2", "LOST=1"],
    "life": ["RUN_life", "CRASHES=1", "MOVES=1", "TIME=3", "HOLD_TTL=2", "SWEEP=1"],
    "again": ["RUN_life", "MOVES=1", "LOST=1", "REWINDS=1", "TIME=1"],
    "partitions": ["RUN_partitions", "PARTITIONS=2", "LOG=2", "CRASHES=1", "TIME=1", "REDIS=1"],
    "ends": ["RUN_fight", "CRASHES=1", "MOVES=1", "LOST=1", "ENDS=1"],
}
LEFT_OUT = {
    "enter_partition.sql": "a partition is entered once, before all that is modelled",
    "cancel_events.sql": "a pure rule for who comes next, and ends bookings as holds end",
    "has_to_end.sql": "a hint when to sweep",
    "load_buyers.sql": "a pure rule",
    "load_events.sql": "pure rules",
    "load_keys.sql": "a pure rule",
}
SPIN_S_MAX = 20
COMPILE_S_MAX = 120
SEARCH_S_MAX = 120
MEMORY_MB_MAX = 2048
DEPTH_MAX = 20000
HASH_BITS = 22
JOBS = 2
NOTHING_STEPS = 2  # transitions 1 and 2 of pan's are its own
TRAIL_LINES_MAX = 80
# What pan says when it did not look everywhere.
UNFINISHED = ("max search depth too small", "out of memory", "Search not completed",
              "VECTORSZ", "max memory")
PROMISE = re.compile(r"assertion violated\s+[!(]*(\w+)")


class Failed(Exception):
    pass


def run(command, seconds, cwd):
    try:
        done = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, timeout=seconds,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", check=False)
    except subprocess.TimeoutExpired as problem:
        raise Failed(f"{command[0]} did not end within {seconds} s") from problem
    return done.returncode, done.stdout


# ---- Is it in step with the code? ----

def check_references():
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(HERE.glob("*.pml")))
    wrong = []
    for file, name in set(re.findall(r"\[(\w+\.c) (\w+)\]", text)):
        path = WORKER / file
        defined = rf"^(?:[\w ]+[ *])?{name}\([^;]*?\)\n{{"
        if not path.exists() or not re.search(defined, path.read_text(encoding="utf-8"),
                                              re.MULTILINE | re.DOTALL):
            wrong.append(f"the model names {name} of worker/{file}, which is not there")
    statements = {path.name for path in (WORKER / "sql").glob("*.sql")}
    named = set(re.findall(r"\[(\w+\.sql)\]", text))
    points = set()
    for path in WORKER.glob("*.c"):
        points |= set(re.findall(r'FAULT_POINT\("(\w+)"\)', path.read_text(encoding="utf-8")))
    named_points = set(re.findall(r"\[at (\w+)\]", text))
    wrong += [f"the model names {name}, which is not there"
              for name in sorted((named | set(LEFT_OUT)) - statements) +
              sorted(named_points - points)]
    wrong += [f"{name} is not in the model"
              for name in sorted(statements - named - set(LEFT_OUT)) +
              sorted(points - named_points)]
    if wrong:
        raise Failed("\n".join(wrong))
    return f"{len(named)} statements, {len(named_points)} fault points"


def check_decisions(program):
    status, said = run(["spin", "-T", str(HERE / "table.pml")], SPIN_S_MAX, HERE)
    model = [line for line in said.splitlines() if ":" in line and "rows" in line]
    if status != 0 or not model:
        raise Failed(f"spin does not run table.pml:\n{said}")
    status, said = run([program], SPIN_S_MAX, HERE)
    code = [line.strip() for line in said.splitlines()]
    if status != 0 or not code:
        raise Failed(f"{program} fails:\n{said}")
    wrong = [f"model: {a}\n code: {b}" for a, b in zip(model, code) if a != b]
    if wrong or len(model) != len(code):
        raise Failed("\n".join(wrong) or f"{len(model)} cases and {len(code)}")
    return f"{len(code)} cases are decided alike"


# ---- Runs ----

class Search:
    """One run: compiled and searched in a directory of its own."""

    def __init__(self, name, scratch):
        self.name = name
        self.folder = scratch / name
        self.steps = {}  # "file:line" of each transition: was it ever taken?

    def prepare(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        for path in HERE.glob("*.pml"):
            shutil.copy(path, self.folder)
        defines = [f"-D{define}" for define in RUNS[self.name]]
        # -o3 keeps statements apart, so that -DPEG can count them.
        status, said = run(["spin", "-o3", "-a", *defines, "lane.pml"], SPIN_S_MAX, self.folder)
        if status != 0 or not (self.folder / "pan.c").exists():
            raise Failed(f"spin does not take the model:\n{said}")
        what = ["-DNP"] if self.name == "ends" else ["-DSAFETY", "-DPEG"]
        status, said = run(["gcc", "-O1", "-w", f"-DMEMLIM={MEMORY_MB_MAX}", *what, "-o", "pan",
                            "pan.c"], COMPILE_S_MAX, self.folder)
        if status != 0:
            raise Failed(f"gcc does not take pan.c:\n{said}")

    def search(self):
        command = ["./pan", f"-m{DEPTH_MAX}", f"-w{HASH_BITS}"]
        command += ["-l"] if self.name == "ends" else []
        started = time.monotonic()
        _, said = run(command, SEARCH_S_MAX, self.folder)
        took = time.monotonic() - started
        errors = re.search(r"errors: (\d+)", said)
        states = re.search(r"^ *([\d.e+]+) states, stored", said, re.MULTILINE)
        memory = re.search(r"^ *([\d.]+)\s+total actual memory", said, re.MULTILINE)
        if not errors or not states or not memory:
            raise Failed(f"pan failed:\n{said}")
        if errors.group(1) != "0":
            raise Failed(f"violated: {self.violation(said)}\n{self.trail()}")
        for text in UNFINISHED:
            if text in said:
                raise Failed(f"not all was searched: {text}\n{said}")
        if self.name != "ends":
            self.note_steps(said)
        return (f"{int(float(states.group(1))):,} states, all searched, {took:.1f} s, "
                f"{float(memory.group(1)):.0f} MB")

    @staticmethod
    def violation(said):
        found = re.search(r"^pan:\d+: (.*)$", said, re.MULTILINE)
        what = found.group(1) if found else said
        if what.startswith("non-progress cycle"):
            return "P2_outcomes: there is a way never to come to an end"
        if what.startswith("invalid end state"):
            return "P2_outcomes: lanes wait for each other for ever"
        found = PROMISE.search(what)
        return found.group(1) if found else what

    def trail(self):
        _, said = run(["spin", "-t", "-T", *[f"-D{define}" for define in RUNS[self.name]],
                       "lane.pml"], SPIN_S_MAX, self.folder)
        steps = [line for line in said.splitlines()
                 if not line.startswith(("spin:", "\t\t", "#processes"))]
        return "\n".join(steps[:TRAIL_LINES_MAX])

    def note_steps(self, said):
        """A d_step is one transition; it is named after its first line."""
        taken = {int(number) for number in re.findall(r"^ *\d+\ttrans +(\d+) ", said,
                                                      re.MULTILINE)}
        _, listed = run(["./pan", "-d"], SEARCH_S_MAX, self.folder)
        for number, file, line, text in re.findall(
                r"\(tr +(\d+)\)-> .*? (\w+\.pml):(\d+) => (.*)$", listed, re.MULTILINE):
            step = re.match(r"D_STEP(\d+)$", text)
            place = f"{file}:{step.group(1)}" if step else f"{file}:{line}: {text}"
            if int(number) > NOTHING_STEPS and not text.startswith("-end-"):
                self.steps[place] = self.steps.get(place, False) or int(number) in taken


def check_steps(searches):
    """Each step was taken in one of the runs that count them."""
    counted = [search for search in searches if search.steps]
    places = sorted(set().union(*(search.steps for search in counted)))
    wrong = [place for place in places
             if not any(search.steps.get(place) for search in counted)]
    if wrong or not places:
        raise Failed("never taken:\n" + "\n".join(wrong))
    return f"{len(places)} steps"


class Report:
    def __init__(self, is_mutant):
        self.is_mutant = is_mutant
        self.suite = ElementTree.Element("testsuite", name="model")
        self.failed = False

    def check(self, name, function, *arguments):
        """Whether it did not fail."""
        started = time.monotonic()
        problem = None
        try:
            said = function(*arguments)
        except Failed as failure:
            problem = said = str(failure)
        took = time.monotonic() - started
        case = ElementTree.SubElement(self.suite, "testcase", classname="model", name=name,
                                      time=f"{took:.1f}")
        if problem:
            self.failed = True
            ElementTree.SubElement(case, "failure").text = problem
        if self.is_mutant:
            if problem:
                print(problem, flush=True)
        else:
            print(f"{'FAILED' if problem else 'ok':6} {took:5.1f} s  {name}: {said}", flush=True)
        return not problem


def search_all(names, scratch, report):
    """Two at a time, the long ones first; a mutant is done with the first counterexample."""
    searches = [Search(name, scratch) for name in names]

    def work(search):
        search.prepare()
        return search.search()

    with concurrent.futures.ThreadPoolExecutor(1 if report.is_mutant else JOBS) as pool:
        done = [(search, pool.submit(work, search)) for search in searches]
        for search, future in done:
            if not report.check(search.name, future.result) and report.is_mutant:
                for _, other in done:
                    other.cancel()
                return searches
    return searches


def main():
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--decisions")
    parser.add_argument("--run", action="append", choices=RUNS)
    parser.add_argument("--junit")
    parser.add_argument("--scratch")
    parser.add_argument("--mutant", action="store_true")
    parser.add_argument("-h", "--help", action="store_true")
    options = parser.parse_args()
    if options.help:
        print(__doc__)
        return 0

    report = Report(options.mutant)
    scratch = pathlib.Path(options.scratch or tempfile.mkdtemp(prefix="seatline-model-"))
    try:
        if not options.mutant:
            report.check("the model names what is there", check_references)
            if options.decisions:
                report.check("the model decides as the worker does", check_decisions,
                             os.path.abspath(options.decisions))
        searches = search_all(options.run or list(RUNS), scratch, report)
        if not report.failed and not options.run:
            report.check("every step of the model is taken", check_steps, searches)
    finally:
        if not options.scratch:
            shutil.rmtree(scratch, ignore_errors=True)
    if options.junit:
        ElementTree.ElementTree(report.suite).write(options.junit)
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
