#!/usr/bin/env python3
"""faults.py - puts what the last full campaigns measured into FAULTS.md.

usage: tools/faults.py DIRECTORY     of results, .run/tests/faults

Each campaign left NAME.json there (tests/support/campaign.py). What stands between the two marks of
FAULTS.md is written anew; a campaign that failed, or ran in its short form, is an error.
"""

import json
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "FAULTS.md"
BEGIN, END = "<!-- figures: tools/faults.py -->", "<!-- end of figures -->"
PROMISES = [f"P{n}" for n in range(1, 9)]


def number(value):
    if isinstance(value, float):
        return f"{value:.3g}" if value < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def figure(entry):
    text = f"{entry['what']}: **{number(entry['value'])} {entry['unit']}".rstrip() + "**"
    if entry["at_most"] is not None:
        text += f" (≤ {number(entry['at_most'])})"
    if entry["at_least"] is not None:
        text += f" (≥ {number(entry['at_least'])})"
    return text


def row(result):
    answers = ", ".join(f"{count:,} × {status if status != '0' else 'none'}"
                        for status, count in result["answers"].items())
    facts = sum(result["facts"].values())
    return (f"| `{result['name']}` | {'<br>'.join(map(figure, result['figures']))} | {answers} |"
            f" {f'{facts:,}' if facts else ''} |")


def table(results):
    lines = ["| campaign | figures (bound) | answers | facts checked |", "|---|---|---|---:|"]
    lines += [row(result) for result in results]
    lines += ["", "| promise | facts checked, over all campaigns | violations |", "|---|---:|---:|"]
    for promise in PROMISES:
        checked = sum(result["facts"].get(promise, 0) for result in results)
        lines.append(f"| {promise} | {checked:,} | 0 |")
    return lines


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    results = [json.loads(path.read_text()) for path in sorted(Path(sys.argv[1]).glob("*.json"))]
    wrong = [f"{result['name']}: {result['form']}{', failed' if result['failed'] else ''}"
             for result in results if result["failed"] or result["form"] != "full"]
    if wrong or not results:
        sys.exit("no figures to tell: " + ("; ".join(wrong) or "no results"))
    before, rest = PAGE.read_text().split(BEGIN)
    after = rest.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n\n" + "\n".join(table(results)) + f"\n\n{END}{after}")


if __name__ == "__main__":
    main()
