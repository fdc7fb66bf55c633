#!/usr/bin/env python3
"""The house rules that a program can check.

usage: style.py [RULE...]             all rules when none is named; a line for each finding, and
                                      status 1 if there was any
       style.py --list                the rules' names
       style.py --files SUFFIX...     the project's files that end so, each followed by a NUL
"""
import os
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
LINE_COLUMNS_MAX = 100
TAB_COLUMNS = 8
FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
TEXT = (".c", ".h", ".sh", ".py", ".sql", ".md", ".build", ".txt", ".yml", ".yaml", ".json",
        ".conf", ".template", ".html", ".js", ".css", ".Dockerfile", ".ini", ".xml")
CODE = (".c", ".h", ".sh", ".py")
# What they do is unbounded, or is not told when it fails.
FORBIDDEN = re.compile(
    r"\b(atoi|atol|atof|strcpy|strcat|sprintf|vsprintf|gets|alloca|strtok|rand)\s*\(")
STRING_OR_COMMENT = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|/\*.*?\*/', re.DOTALL)
NOT_OURS = re.compile(r"^(\.git|\.run|build.*|__pycache__|corpus|peer-node)$")


def paths(*suffixes):
    """The project's files with one of these endings; builds and downloads are not the project's."""
    for folder, folders, names in os.walk(TOP):
        folders[:] = sorted(name for name in folders if not NOT_OURS.match(name))
        for name in sorted(names):
            if name.endswith(suffixes):
                yield pathlib.Path(folder, name).relative_to(TOP)


def files(*suffixes):
    for path in paths(*suffixes):
        yield path, (TOP / path).read_text(encoding="utf-8")


def blanked(text):
    """C without the content of strings and comments; the lines keep their numbers."""
    return STRING_OR_COMMENT.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def line_length():
    for name, text in files(*CODE):
        for number, line in enumerate(text.splitlines(), 1):
            if len(line.expandtabs(TAB_COLUMNS)) > LINE_COLUMNS_MAX:
                yield name, number, f"longer than {LINE_COLUMNS_MAX} columns"


def whitespace():
    for name, text in files(*TEXT):
        if text and not text.endswith("\n"):
            yield name, text.count("\n") + 1, "no newline at the end"
        if text.endswith("\n\n"):
            yield name, text.count("\n"), "blank line at the end"
        for number, line in enumerate(text.split("\n"), 1):
            if line != line.rstrip():
                yield name, number, "trailing whitespace"


def tabs():
    for name, text in files(".c", ".h", ".sh"):
        before = ""
        for number, line in enumerate(text.splitlines(), 1):
            indent = line[:len(line) - len(line.lstrip())]
            if " \t" in indent:
                yield name, number, "a space before a tab"
            elif indent.startswith("  ") and before.endswith((";", "{", "}")):
                yield name, number, "indented with spaces"
            before = line.rstrip()
    for name, text in files(".py", ".sql", ".yml", ".yaml", ".build", ".json"):
        for number, line in enumerate(text.splitlines(), 1):
            if line.startswith("\t"):
                yield name, number, "indented with a tab"


def file_length():
    for name, text in files(*CODE):
        if text.count("\n") > FILE_LINES_MAX:
            yield name, text.count("\n"), f"a file of more than {FILE_LINES_MAX} lines"


def function_length():
    """A function's own brace stands alone in the first column; so does the one that ends it."""
    for name, text in files(".c", ".h"):
        begin = 0
        for number, line in enumerate(text.splitlines(), 1):
            if line == "{":
                begin = number
            elif line.startswith("}") and begin:
                if number - begin + 1 > FUNCTION_LINES_MAX:
                    yield name, begin, f"a function of {number - begin + 1} lines"
                begin = 0


def headers():
    for name, text in files(".h"):
        if "#pragma once\n" not in text:
            yield name, 1, "no #pragma once"
        if not text.startswith("/*"):
            yield name, 1, "no contract at the top"


def c_language():
    for name, text in files(".c", ".h"):
        for number, line in enumerate(blanked(text).splitlines(), 1):
            found = FORBIDDEN.search(line)
            if found:
                yield name, number, f"{found.group(1)} is not used here"
            if re.search(r"(^|\s)//", line):
                yield name, number, "a // comment"


def no_todo():
    for name, text in files(*CODE, ".md", ".build"):
        if (TOP / name).samefile(__file__):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if re.search(r"\b(TODO|FIXME|XXX)\b", line):
                yield name, number, "unfinished"


RULES = {rule.__name__.replace("_", "-"): rule for rule in (
    line_length, whitespace, tabs, file_length, function_length, headers, c_language, no_todo)}


def main():
    names = sys.argv[1:]
    if names == ["--list"]:
        print("\n".join(RULES))
        return 0
    if names[:1] == ["--files"]:
        print("".join(f"{path}\0" for path in paths(*names[1:])), end="")
        return 0
    found = 0
    for name in names or RULES:
        for path, number, what in RULES[name]():
            print(f"{path}:{number}: {what}")
            found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
