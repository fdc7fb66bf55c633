#!/usr/bin/env python3
"""Turn the results of one test tool into rows of tests/lib/report.sh.

usage: results.py meson SECTION TESTLOG.json
       results.py pytest SECTION JUNIT.xml

Each Criterion case counts. A skipped case fails: nothing here may be skipped unseen.
"""
import json
import re
import sys
import xml.etree.ElementTree as ElementTree

# What Criterion prints at CRITERION_VERBOSITY_LEVEL=1.
CASE = re.compile(r"^\[(PASS|FAIL|SKIP)\] (\S+):(?: \((\d+\.\d+)s\))?", re.MULTILINE)
NO_CASES = "Synthesis: Tested: 0 "
ANSI = re.compile(r"\x1b\[[0-9;]*m")
OUTPUT_LINES_MAX = 60


def row(verdict, section, case, seconds):
    case = " ".join(case.split())
    return f"{verdict}\t{section}\t{case}\t{seconds:.1f}"


def meson_test(section, test):
    """The rows of one meson test: one for each Criterion case, else one.

    A test whose cases all passed may still have failed: a leak is told after the last case.
    """
    name = test["name"].split(" / ")[-1].split(":")[-1]
    output = ANSI.sub("", (test.get("stdout") or "") + (test.get("stderr") or ""))
    ok = test["result"] == "OK" and NO_CASES not in output
    rows = [row("pass" if verdict == "PASS" else "fail", section,
                f"{name} {case}{' (skipped)' if verdict == 'SKIP' else ''}", float(seconds or 0))
            for verdict, case, seconds in CASE.findall(output)]
    # A case's time leaves out its fixtures, the program's does not.
    if rows:
        rows.append(row("time", section, f"{name} as a whole", test.get("duration") or 0.0))
    failed = any(line.startswith("fail") for line in rows)
    if not rows or (not ok and not failed):
        rows.append(row("pass" if ok else "fail", section,
                        name if ok else f"{name} ({test['result']})",
                        test.get("duration") or 0.0))
    if not ok or failed:
        print(f"--- {name}: {test['result']}", file=sys.stderr)
        print("\n".join(output.splitlines()[-OUTPUT_LINES_MAX:]), file=sys.stderr)
    return rows


def meson(section, path):
    rows = []
    with open(path, encoding="utf-8") as log:
        for line in log:
            if line.strip():
                rows += meson_test(section, json.loads(line))
    return rows


def pytest(section, path):
    rows = []
    for case in ElementTree.parse(path).iter("testcase"):
        name = f"{case.get('classname', '')}.{case.get('name', '')}".lstrip(".")
        bad = [child.tag for child in case if child.tag in ("failure", "error", "skipped")]
        if "skipped" in bad:
            name += " (skipped)"
        rows.append(row("fail" if bad else "pass", section, name, float(case.get("time") or 0)))
    return rows


def main():
    tool, section, path = sys.argv[1:4]
    rows = {"meson": meson, "pytest": pytest}[tool](section, path)
    if not rows:
        rows = [row("fail", section, "no test ran", 0.0)]
    print("\n".join(rows))


if __name__ == "__main__":
    main()
