#!/usr/bin/env python3
"""Remove the guards one by one, and see the tests notice.

usage: mutants.py [OPTION...]
  --fast          only what the tables mark as fast, and all of the simulator and the model, whose
                  unmutated runs are the suite `model`
  --kind KIND     only this table: unit, sim, model, integration; may be repeated
  -k TEXT         only mutants with TEXT in their name, guard or file
  --junit FILE    also write the verdicts there
  --scratch DIR   where to copy and build (default: .run/tests/mutants, which is removed first)
  --list          name the mutants and stop

A mutant is one text of one file replaced by another: a guard taken away. Its proof must pass
without it and fail with it. The tables are KIND.json beside this program, each a list of

  {"name":  what is wrong with it, as a sentence,
   "guard": the guard that it takes away,
   "file":  of the project,
   "old":   stands in the file exactly once, or the table went stale and the run fails,
   "new":   what to put there,
   "test":  unit, integration: the proof tests/KIND/test_TEST,
   "case":  unit, integration: only the Criterion cases SUITE/CASE that match this,
   "run":   model: the only run to make of the model's,
   "fast":  true: also with --fast}

A mutant that does not compile is not caught: it fails the run. So does a proof that fails for
another reason; those that need servers are run once more when all mutants are gone. The servers
are those of tests/run.sh, as the environment tells (tests/lib/servers.sh).
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
KINDS = ("model", "unit", "sim", "integration")
ALWAYS = ("model", "sim")  # with --fast, too
NOT_COPIED = re.compile(r"^(\.git|\.run|build.*|__pycache__)$")
SETUP = ("/usr/bin/meson", "setup", "-Dfault_points=true", "-Dtests=enabled", "-Dwerror=false",
         "-Doptimization=1", "-Ddebug=false")
SIM_SEEDS = 2000
COMPILE_S_MAX = 300
PSQL_S_MAX = 30
DATABASE = "seatline_mutant"
PROOF_S_MAX = {"model": 60, "unit": 60, "sim": 120, "integration": 60}
OUTPUT_LINES_MAX = 40
CASE = re.compile(r"^\[(PASS|FAIL)\] (\S+?)::(\S+?):", re.MULTILINE)
ANSI = re.compile(r"\x1b\[[0-9;]*m")


class Stale(Exception):
    """The tables do not fit the project, or what they build on does not work."""


def run(command, seconds, cwd=None, environment=None):
    """Its status, or None when it did not end in time, and what it said."""
    with subprocess.Popen(command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", start_new_session=True) as process:
        try:
            output = process.communicate(timeout=seconds)[0]
            return process.returncode, ANSI.sub("", output)
        except BaseException as problem:
            os.killpg(process.pid, signal.SIGKILL)
            output = process.communicate()[0]
            if isinstance(problem, subprocess.TimeoutExpired):
                return None, ANSI.sub("", output)
            raise


def psql(dsn, sql):
    status, output = run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", sql, dsn], PSQL_S_MAX)
    if status != 0:
        raise Stale(f"psql failed:\n{tail(output)}")


def tail(output):
    return "\n".join(output.splitlines()[-OUTPUT_LINES_MAX:])


# ---- The tables ----

def read_tables(kinds, fast, text):
    """The mutants of each kind, by file: what is built for one is built for the next."""
    tables = {}
    for kind in kinds:
        path = HERE / f"{kind}.json"
        if not path.exists():
            continue
        mutants = json.loads(path.read_text(encoding="utf-8"))
        names = [mutant["name"] for mutant in mutants]
        for name in names:
            if names.count(name) > 1:
                raise Stale(f"{path.name} has '{name}' twice")
        chosen = [mutant for mutant in mutants
                  if (not fast or kind in ALWAYS or mutant.get("fast"))
                  and text in f"{mutant['name']} {mutant['guard']} {mutant['file']}"]
        if chosen:
            tables[kind] = sorted(chosen, key=lambda mutant: mutant["file"])
    return tables


def mutated(mutant, text):
    count = text.count(mutant["old"])
    if count != 1 or mutant["old"] == mutant["new"]:
        raise Stale(f"'{mutant['name']}': its text stands {count} times in {mutant['file']}")
    return text.replace(mutant["old"], mutant["new"])


def check_tables(tables):
    """All at once, before anything is built."""
    stale = []
    for mutants in tables.values():
        for mutant in mutants:
            try:
                mutated(mutant, (TOP / mutant["file"]).read_text(encoding="utf-8"))
            except (OSError, Stale) as problem:
                stale.append(str(problem))
    if stale:
        raise Stale("\n".join(stale))


# ---- The proofs ----

class Proof:
    """Builds and runs in a tree. `run` answers what noticed the mutant, or None: nothing did."""
    target = None

    def run(self, tree):
        raise NotImplementedError


class CriterionProof(Proof):
    def __init__(self, kind, test, case):
        self.kind, self.test, self.case = kind, test, case
        self.target = f"tests/{kind}/test_{test}"
        self.name = f"{test} {case}" if case else test

    def run(self, tree):
        command = [str(tree.build / self.target)]
        if self.case:
            command += ["--filter", self.case]
        environment = os.environ | {"CRITERION_VERBOSITY_LEVEL": "1"} | tree.database
        status, output = run(command, PROOF_S_MAX[self.kind], tree.build, environment)
        cases = CASE.findall(output)
        failed = [f"{suite}/{case}" for verdict, suite, case in cases if verdict == "FAIL"]
        if failed:
            return f"{self.test}: {failed[0]}" + (f" and {len(failed) - 1} more"
                                                  if len(failed) > 1 else "")
        if status is None:
            return f"{self.test}: does not end"
        if status != 0 or not cases:
            raise Stale(f"{self.name} neither passed nor failed:\n{tail(output)}")
        return None


class SimProof(Proof):
    target = "tests/sim/sim"
    name = f"sim --seeds {SIM_SEEDS}"
    VIOLATION = re.compile(r"^violation in seed .*$", re.MULTILINE)

    def run(self, tree):
        status, output = run([str(tree.build / self.target), "--seeds", str(SIM_SEEDS)],
                             PROOF_S_MAX["sim"], tree.build)
        if status == 0:
            return None
        if status is None:
            return "does not end"
        found = self.VIOLATION.search(output)
        if found:
            return " ".join(found.group().split())
        if status < 0:
            return f"dies by signal {-status}: {tail(output).splitlines()[-1:]}"
        raise Stale(f"{self.name} found no violation, and yet failed:\n{tail(output)}")


class ModelProof(Proof):
    def __init__(self, only):
        self.only = only
        self.name = f"the model's run {only}" if only else "the model"

    def run(self, tree):
        command = ["/usr/bin/python3", str(tree.top / "tests/model/check.py"), "--mutant"]
        if self.only:
            command += ["--run", self.only]
        status, output = run(command, PROOF_S_MAX["model"], tree.top)
        if status == 0:
            return None
        found = re.search(r"^violated: (.*)$", output, re.MULTILINE)
        if found:
            return found.group(1)
        raise Stale(f"{self.name} found no counterexample, and yet failed:\n{tail(output)}")


def proof_of(kind, mutant):
    if kind == "sim":
        return SimProof()
    if kind == "model":
        return ModelProof(mutant.get("run"))
    return CriterionProof(kind, mutant["test"], mutant.get("case"))


# ---- The trees ----

class Tree:
    """A copy of the project with one mutant in it at a time."""

    def __init__(self, top):
        self.top = top
        self.build = top / "build"
        self.is_set_up = False
        self.database = {}  # what the environment says of a database of this mutant's own

    def copy(self):
        def ignored(folder, names):
            del folder
            return [name for name in names if NOT_COPIED.match(name)]

        shutil.copytree(TOP, self.top, ignore=ignored, symlinks=True)

    def write(self, file, text):
        (self.top / file).write_text(text, encoding="utf-8")

    def make_database(self):
        """A new one from the tree's migrations, for a mutant of these."""
        server = os.environ["TEST_PG_DSN"]
        for sql in (f"DROP DATABASE IF EXISTS {DATABASE}", f"CREATE DATABASE {DATABASE}"):
            psql(server, sql)
        dsn = re.sub(r"dbname=\S+", f"dbname={DATABASE}", server)
        for path in sorted((self.top / "db/migrations").glob("*.sql")):
            psql(dsn, path.read_text(encoding="utf-8").split("-- migrate:down")[0])
        self.database = {"TEST_PG_DSN": dsn}

    def compile(self, proof):
        if not proof.target:
            return
        if not self.is_set_up:
            status, output = run([*SETUP, str(self.build), str(self.top)], COMPILE_S_MAX)
            if status != 0:
                raise Stale(f"meson setup failed:\n{tail(output)}")
            self.is_set_up = True
        status, output = run(["ninja", "-C", str(self.build), proof.target], COMPILE_S_MAX)
        if status != 0:
            raise Stale(f"does not compile:\n{tail(output)}")


class ModelTree(Tree):
    """Of the model only: it is checked while the programs are compiled."""

    def copy(self):
        for folder in ("tests/model", "worker", "lib"):
            shutil.copytree(TOP / folder, self.top / folder)


class Report:
    """One line and one row per verdict."""

    def __init__(self):
        self.lock = threading.Lock()
        self.suite = ElementTree.Element("testsuite", name="mutants")
        self.failed = 0
        self.count = 0

    def add(self, kind, name, started, said, problem=None):
        took = time.monotonic() - started
        with self.lock:
            self.count += 1
            case = ElementTree.SubElement(self.suite, "testcase", classname=kind, name=name,
                                          time=f"{took:.1f}")
            if problem:
                self.failed += 1
                ElementTree.SubElement(case, "failure").text = problem
            verdict = "FAILED" if problem else "ok"
            print(f"{verdict:6} {took:5.1f} s  {kind}: {name}: {said}", flush=True)
            if problem:
                print(problem, flush=True)

    def write(self, path):
        ElementTree.ElementTree(self.suite).write(path)


def prove_sound(tree, kind, proofs, report, when):
    """Without a mutant every proof passes."""
    for proof in proofs:
        started = time.monotonic()
        name = f"{proof.name} passes {when}"
        try:
            tree.compile(proof)
            noticed = proof.run(tree)
            report.add(kind, name, started, noticed or "passed",
                       f"fails without a mutant: {noticed}" if noticed else None)
        except Stale as problem:
            report.add(kind, name, started, "", str(problem))


def try_mutant(tree, kind, mutant, proof, report):
    started = time.monotonic()
    original = (tree.top / mutant["file"]).read_text(encoding="utf-8")
    try:
        tree.write(mutant["file"], mutated(mutant, original))
        if mutant["file"].startswith("db/migrations/"):
            tree.make_database()
        tree.compile(proof)
        noticed = proof.run(tree)
        report.add(kind, mutant["name"], started, noticed or "survived",
                   None if noticed else f"survived {proof.name}: a test is missing")
    except Stale as problem:
        report.add(kind, mutant["name"], started, "", str(problem))
    finally:
        tree.write(mutant["file"], original)
        tree.database = {}


def try_table(tree, kind, mutants, fast, report):
    proofs = {}
    for mutant in mutants:
        proof = proof_of(kind, mutant)
        proofs[proof.name] = proof
    if kind != "model" or not fast:
        prove_sound(tree, kind, proofs.values(), report, "as it is")
    for mutant in mutants:
        try_mutant(tree, kind, mutant, proof_of(kind, mutant), report)
    if kind == "integration":
        prove_sound(tree, kind, proofs.values(), report, "when all is as it was again")


def try_tables(tables, scratch, fast, report):
    shutil.rmtree(scratch, ignore_errors=True)
    model = {kind: mutants for kind, mutants in tables.items() if kind == "model"}
    compiled = {kind: mutants for kind, mutants in tables.items() if kind != "model"}
    problems = []

    def work(tree, chosen):
        try:
            tree.copy()
            for kind, mutants in chosen.items():
                try_table(tree, kind, mutants, fast, report)
        except OSError as problem:
            problems.append(str(problem))

    beside = threading.Thread(target=work, args=(ModelTree(scratch / "model"), model), daemon=True)
    if model:
        beside.start()
    if compiled:
        work(Tree(scratch / "tree"), compiled)
    if model:
        beside.join()
    if problems:
        raise Stale("\n".join(problems))


def main():
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--fast", action="store_true")
    parser.add_argument("--kind", action="append", choices=KINDS)
    parser.add_argument("-k", dest="text", default="")
    parser.add_argument("--junit")
    parser.add_argument("--scratch", default=str(TOP / ".run/tests/mutants"))
    parser.add_argument("--list", action="store_true")
    parser.add_argument("-h", "--help", action="store_true")
    options = parser.parse_args()
    if options.help:
        print(__doc__)
        return 0

    report = Report()
    try:
        tables = read_tables(options.kind or KINDS, options.fast, options.text)
        check_tables(tables)
        if options.list:
            for kind, mutants in tables.items():
                for mutant in mutants:
                    print(f"{kind}: {mutant['guard']}: {mutant['name']} ({mutant['file']})")
            return 0
        try_tables(tables, pathlib.Path(options.scratch), options.fast, report)
    except Stale as problem:
        report.add("mutants", "the tables fit the project", time.monotonic(), "", str(problem))
    if options.junit:
        report.write(options.junit)
    print(f"{report.count - report.failed} as they must be, {report.failed} not")
    return 0 if report.count > 0 and report.failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
