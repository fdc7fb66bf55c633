#!/usr/bin/env python3
"""Says which of the protections that the compiler and the linker offer a built program lacks.

usage: binaries.py BUILD_DIR          our programs, and how each source of theirs was compiled
       binaries.py --lies CC          programs without one of them: is each found out?

What is seen in a program is that it has the protection, not where; that all of it was compiled with
the flags, compile_commands.json says. Status 1: something is missing; it is said on stdout.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

PROGRAMS = ("write-api", "worker", "projector", "read-api")
SOURCES = ("lib/", "write-api/", "worker/", "projector/", "read-api/")
POSITION = ("-fPIE", "-fPIC")  # one of them
FLAGS = ("-fstack-protector-strong", "-fstack-clash-protection", "-fcf-protection",
         "-D_FORTIFY_SOURCE=2")
COMPILE = ["-O2", "-fPIE", "-fstack-protector-strong", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2"]
LINK = ["-pie", "-Wl,-z,relro", "-Wl,-z,now", "-Wl,-z,noexecstack"]
LIES = {  # name of what is missing: flags behind ours
    "position-independent": ["-fno-pie", "-no-pie"],
    "read-only relocations": ["-Wl,-z,norelro"],
    "bound at start": ["-Wl,-z,lazy"],
    "no executable stack": ["-Wl,-z,execstack"],
    "stack protector": ["-fno-stack-protector"],
    "fortified calls": ["-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=0"],
    "no search path of its own": ["-Wl,-rpath,/tmp"],
}
VICTIM = """
#include <stdarg.h>
#include <stdio.h>
int say(char *to, const char *format, ...);
int say(char *to, const char *format, ...)
{
    char text[64];
    va_list list;
    va_start(list, format);
    int n = vsprintf(text, format, list);
    va_end(list);
    return n + sprintf(to, "%s", text);
}
int main(int argc, char **argv)
{
    char text[64];
    return say(text, argv[0], argc);
}
"""


def readelf(option, program):
    return subprocess.run(["readelf", "--wide", option, program], check=True, text=True,
                          stdout=subprocess.PIPE).stdout


def protections(program):
    """Each by its name, and whether it is there."""
    header, segments = readelf("--file-header", program), readelf("--segments", program)
    dynamic, symbols = readelf("--dynamic", program), readelf("--dyn-syms", program)
    stack = re.search(r"GNU_STACK .*\s([RWE ]{3})\s+0x", segments)
    loads = re.findall(r"\bLOAD\s.*\s([RWE ]{3})\s+0x", segments)
    assert loads, segments
    return {
        "position-independent": "DYN" in header and bool(re.search(r"FLAGS_1.*\bPIE\b", dynamic)),
        "read-only relocations": "GNU_RELRO" in segments,
        "bound at start": bool(re.search(r"FLAGS.*\b(BIND_)?NOW\b", dynamic)),
        "no executable stack": bool(stack) and "E" not in stack.group(1),
        "nothing writable and executable": not any("W" in f and "E" in f for f in loads),
        "stack protector": "__stack_chk_fail" in symbols,
        "fortified calls": bool(re.search(r"__v?sn?printf_chk", symbols)),
        "no search path of its own": not re.search(r"\((RPATH|RUNPATH)\)", dynamic),
    }


def lacking(program):
    return [name for name, there in protections(program).items() if not there]


def lacking_flags(build):
    """Sources of the programs that were compiled without one of the flags."""
    for command in json.loads((build / "compile_commands.json").read_text()):
        name = command.get("output", "")
        if not name.startswith(SOURCES) or not command["file"].endswith(".c"):
            continue
        words = command["command"].split()
        fortify = [word for word in words if "_FORTIFY_SOURCE" in word]
        missing = [flag for flag in FLAGS if flag not in words]
        if fortify and fortify[-1] not in FLAGS:
            missing.append(FLAGS[-1])
        if not set(POSITION) & set(words):
            missing.append(POSITION[0])
        if missing:
            yield f"{name}: compiled without {' '.join(missing)}"


def check(build):
    complaints = list(lacking_flags(build))
    for program in PROGRAMS:
        complaints += [f"{program} lacks: {name}" for name in lacking(build / program / program)]
    return complaints


def check_lies(compiler):
    """The check of the check."""
    complaints = []
    with tempfile.TemporaryDirectory() as directory:
        source = pathlib.Path(directory, "victim.c")
        source.write_text(VICTIM)
        for lie, flags in {"": [], **LIES}.items():
            program = source.with_suffix("")
            subprocess.run([*compiler, *COMPILE, *LINK, source, "-o", program, *flags], check=True)
            found = lacking(program)
            if (lie not in found) if lie else found:
                complaints.append(f"of a program without '{lie}' it was said: {found}")
    return complaints


def main():
    if sys.argv[1] == "--lies":
        complaints = check_lies(sys.argv[2:])
    else:
        complaints = check(pathlib.Path(sys.argv[1]))
    print("\n".join(complaints) or "all there")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
