#!/usr/bin/env python3
"""Say which variables docker/compose.yml sets for a program that does not know them.

usage: compose_environment.py COMPOSE.yml DIRECTORY

The directory has PROGRAM.help, what --help printed, for each program.
"""
import pathlib
import re
import sys

import ruamel.yaml

PROGRAMS = ("write-api", "worker", "projector", "read-api")


def main():
    compose = ruamel.yaml.YAML(typ="safe").load(pathlib.Path(sys.argv[1]))
    status = 0
    for program in PROGRAMS:
        known = set(re.findall(r"\b[A-Z][A-Z0-9_]+\b",
                               pathlib.Path(sys.argv[2], f"{program}.help").read_text()))
        for name in compose["services"][program]["environment"]:
            if name not in known:
                print(f"{program} does not know {name}")
                status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
