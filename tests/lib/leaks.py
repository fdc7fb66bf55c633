#!/usr/bin/python3
"""Looks for secrets where none may be.

usage: leaks.py                        in the files that git tracks
       leaks.py SECRETS FILE...        in these, also each value of SECRETS (NAME=value lines)
       leaks.py --lies                 plants one of each kind, which it has to find

Prints where and of which kind, never what it is. Status 1: something was found. What looks like a
secret and is none stands in HARMLESS, with the reason.
"""

import collections
import math
import pathlib
import re
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]
BITS_MIN = 3.0  # of a character, to be taken for random: words have less
BYTES_MAX = 64 << 20
KNOWN_BYTES_MIN = 8  # a shorter value is in everything
DEMO_MARK = "de305ec2"  # what start-services.sh makes begins with it
PATTERNS = {
    "private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "secret of a demo": DEMO_MARK + "[0-9a-f]{8,}",
    "token": r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}",
    "key of a provider": r"\b(?:AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{22,}"
                         r"|glpat-[\w-]{20}|xox[abprs]-[\w-]{10,}|sk_live_\w{16,}|AIza[\w-]{35}"
                         r"|npm_[A-Za-z0-9]{36}|pypi-[\w-]{32,})",
    "hash of a password": r"\$(?:argon2id?|2[aby]|6|scrypt)\$[^\s'\"]{20,}",
}
# The first group has to look random.
RANDOM_PATTERNS = {
    "password in an address": r"\b[a-z][a-z0-9+.-]*://[^\s:/@'\"]*:([^\s:/@'\"${}<>%*]{8,})@",
    "value of a secret": r"(?i)(?:password|passwd|secret|token|api_?key|_key|authorization)"
                         r"[\"']?\s*(?:=|:|=>|,)\s*(?:bearer |basic )?[\"']?"
                         r"([A-Za-z0-9+/_=.-]{20,})",
}
HARMLESS = {  # (path, or directory and a slash, kind): why
    ("docs/openapi.json", "token"): "an example, of no key",
    ("docs/openapi.json", "value of a secret"): "the same",
    ("lib/password.c", "hash of a password"): "what is verified for who has no account",
    ("tests/unit/test_password.c", "hash of a password"): "one made elsewhere, to be verified",
    ("tests/access/test_accounts.py", "hash of a password"): "the beginning of any",
    ("README.md", "value of a secret"): "what a first start prints, of one that is gone",
    ("tests/fuzz/corpus/jwt/", "token"): "tokens of the fuzzer's key",
}


def looks_random(text):
    counts = collections.Counter(text)
    bits = -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())
    return (bits >= BITS_MIN and any(c.isdigit() for c in text)
            and any(c.isalpha() for c in text))


def kinds_of(line, known=()):
    """What a line of text seems to have."""
    for name, value in known:
        if value in line:
            yield f"value of {name}"
    for kind, pattern in PATTERNS.items():
        if re.search(pattern, line):
            yield kind
    for kind, pattern in RANDOM_PATTERNS.items():
        if any(looks_random(found) for found in re.findall(pattern, line)):
            yield kind


def leaks_of(path, known=()):
    """(line number, kind) of each; a file that is no text has none to read."""
    data = path.read_bytes()[:BYTES_MAX]
    if b"\0" in data[:8192]:
        return
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        for kind in kinds_of(line, known):
            yield number, kind


def tracked():
    listed = subprocess.run(["git", "-C", TOP, "ls-files", "-z"], check=True,
                            stdout=subprocess.PIPE).stdout
    return [TOP / name for name in listed.decode().split("\0") if name]


def known_values(path):
    pairs = (line.partition("=")[::2] for line in path.read_text().splitlines())
    return [(name, value) for name, value in pairs if len(value) >= KNOWN_BYTES_MIN]


def is_about(harmless, name, kind):
    path, of = harmless
    return of == kind and (name == path or path.endswith("/") and name.startswith(path))


def complaints(paths, known=()):
    """known: of a running system; without, the paths are all that git tracks."""
    unused = dict(HARMLESS) if not known else {}
    for path in paths:
        if not path.is_file():
            continue
        name = str(path.relative_to(TOP)) if path.is_relative_to(TOP) else str(path)
        for number, kind in leaks_of(path, known):
            harmless = [one for one in HARMLESS if is_about(one, name, kind)]
            if not harmless:
                yield f"{name}:{number}: {kind}"
            for one in harmless:
                unused.pop(one, None)
    for name, kind in unused:
        yield f"{name} has no '{kind}' any more: HARMLESS need not say so"


def lies():
    """One of each kind, put together here so that this file has none."""
    digits = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
    planted = {
        "private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
        "secret of a demo": "x=" + DEMO_MARK + digits,
        "token": "ey" + "JhbGciOiJIUzI1NiJ9.ey" + "JzdWIiOiJ1LTEifQ." + digits,
        "key of a provider": "ghp" + "_" + digits + "abcd",
        "hash of a password": "$argon2" + "id$v=19$m=65536,t=2,p=1$" + digits,
        "password in an address": "postgres" + "://me:" + digits + "@localhost/",
        "value of a secret": '"pass' + 'word": "' + digits + '"',
        "value of THE_KEY": "it was " + digits[::-1] + "!",
    }
    known = [("THE_KEY", digits[::-1])]
    innocent = ["password=${PASSWORD:?}", "token: the user's token, as write-api made it",
                "postgres://me:$PASSWORD@localhost/", "key = booking_id_key_parse(text, &key)"]
    with tempfile.TemporaryDirectory() as directory:
        for kind, text in planted.items():
            path = pathlib.Path(directory, "planted")
            path.write_text(f"first\n{text}\nlast\n")
            if (2, kind) not in leaks_of(path, known):
                yield f"a planted {kind} was not found"
            if text in "\n".join(complaints([path], known)):
                yield f"a planted {kind} was told"
        for text in innocent:
            if found := list(kinds_of(text, known)):
                yield f"{found} in: {text}"


def main():
    if sys.argv[1:] == ["--lies"]:
        found = list(lies())
    elif len(sys.argv) > 1:
        known = known_values(pathlib.Path(sys.argv[1]))
        found = list(complaints([pathlib.Path(name) for name in sys.argv[2:]], known))
    else:
        found = list(complaints(tracked()))
    print("\n".join(found) or "nothing found")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
