"""Schemathesis asks a running gateway all that docs/openapi.json has, and holds each answer to it.

Deterministic and bounded: one seed, so many cases an operation, no time in it. The document is made
strict (contract.strict), and its examples are made to name what is there, so that not everything
that is asked for is a 404.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from support import contract

CHECKS = ("not_a_server_error", "status_code_conformance", "content_type_conformance",
          "response_headers_conformance", "response_schema_conformance")
SEED = "7"
CASES = "12"  # of one operation, besides its examples and, if asked for, each bound of each value
RUN_S = 300
SEATS_MAX = 20  # rows of a section that it makes, and seats of a row
# A live stream does not end: test_live.py reads it.
ENDLESS = "followEvent"
EXAMPLES = {"event": "concert123", "seat": "Stalls-A-12", "other": "Stalls-A-13", "user": "u1",
            "booking": "0198a1b2-c3d4-8e5f-9a0b-1c2d3e4f5061"}


def document_of(event, booking, user):
    """Strict, and with examples of this event, which has seats S1 and S2, and this booking."""
    text = json.dumps(contract.strict(contract.load()))
    real = {"event": event, "seat": "S1", "other": "S2", "user": user, "booking": booking}
    for what, example in EXAMPLES.items():
        assert f'"{example}"' in text, f"no example has {example} any more"
        text = text.replace(f'"{example}"', json.dumps(real[what]))
    document = json.loads(text)
    keep_small(document["components"]["schemas"])
    return document


def keep_small(schemas):
    """Houses of 100,000 seats, at each bound of each value, take minutes: see test_administration.
    """
    section, show = schemas["Section"]["properties"], schemas["NewShow"]["properties"]
    for numbers in (section["rows"]["oneOf"][0], section["seatsPerRow"], show["totalSeats"],
                    show["total_seats"]):
        numbers["maximum"] = SEATS_MAX


def run(directory, document, stack, *options, token=None, phases="examples,fuzzing"):
    """The exit status, and what it says."""
    file = Path(directory) / "openapi.json"
    file.write_text(json.dumps(document))
    config = Path(directory) / "schemathesis.toml"
    config.write_text("[auth]\nauto-signup = false\n")
    headers = ["--header", f"Authorization: Bearer {token}"] if token else []
    done = subprocess.run(
        [Path(sys.executable).with_name("schemathesis"), "--config-file", config, "run", file,
         "--url", f"http://127.0.0.1:{stack.gateway_port}", "--checks", ",".join(CHECKS),
         "--phases", phases, "--seed", SEED, "--max-examples", CASES, "--workers", "1",
         "--generation-database", "none", "--suppress-health-check", "all", "--no-shrink",
         "--continue-on-failure", "--warnings", "off", "--no-color", "--request-timeout", "20",
         "--exclude-operation-id", ENDLESS, *headers, *options],
        cwd=directory, env={**os.environ, "NO_PROXY": "*"}, stdin=subprocess.DEVNULL, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=RUN_S)
    return done.returncode, done.stdout


def told(output):
    """What of it a failed test shows: from the first failure on."""
    at = output.find("FAILURES")
    return output[max(at, 0):][:12_000]
