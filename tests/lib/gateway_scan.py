#!/usr/bin/env python3
"""Has gixy read the gateway's configuration as nginx does; of medium severity and above, it may
find nothing but what stands in KNOWN, with the reason.

usage: gateway_scan.py GIXY NGINX.CONF     the rendered file, which includes gateway.conf
       gateway_scan.py GIXY --lies         configurations with a hole, which have to be found
"""

import json
import pathlib
import subprocess
import sys
import tempfile

SCAN_S = 120
SEVERITIES = ("MEDIUM", "HIGH")
KNOWN = {  # plugin: what the finding says, why it is none
    "if_is_evil": ("set", "one 'set' of a flag that a map reads, nothing else in that 'if': of "
                   "what may stand in an 'if', set does what it says"),
    "missing_resolver": ("proxy_pass", "the variables name upstreams of this file, not hosts: "
                         "nothing is looked up"),
    "try_files_is_evil_too": ("open_file_cache", "the file never is there: try_files only leads to "
                              "the named location"),
    "proxy_pass_normalized": ("path after the host", "the path is made of groups of a regular "
                              "expression that lets hexadecimal digits and words through"),
}
HEAD = "events {}\nhttp {\n"
LIES = {  # plugin: the body of a server that has this hole
    "http_splitting": "location ~ /v1/((?<action>[^.]*)\\.json)?$ { add_header X-Action $action; }",
    "alias_traversal": "location /files { alias /home/; }",
    "host_spoofing": "location / { proxy_set_header Host $http_host;"
                     " proxy_pass http://127.0.0.1:1; }",
}


def findings(gixy, config):
    done = subprocess.run([gixy, "--regex-redos-deep", "false", "--format", "json", config],
                          timeout=SCAN_S, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    start = done.stdout.find("[\n") if "[\n" in done.stdout else done.stdout.find("[]")
    if start < 0:
        sys.exit(f"gixy ended with status {done.returncode}: {done.stdout}{done.stderr}")
    return json.JSONDecoder().raw_decode(done.stdout[start:])[0]


def is_known(finding):
    says, _ = KNOWN.get(finding["plugin"], (None, None))
    return says is not None and says in finding["reason"] + finding["summary"]


def scan(gixy, config):
    found = [one for one in findings(gixy, config) if one["severity"] in SEVERITIES]
    for one in found:
        if not is_known(one):
            yield (f"{one['severity']} {one['plugin']} in line {one.get('line')}: {one['summary']} "
                   f"{one['reason']}")
    for plugin in set(KNOWN) - {one["plugin"] for one in found}:
        yield f"gixy finds no {plugin} any more: KNOWN need not say so"


def lies(gixy):
    with tempfile.TemporaryDirectory() as directory:
        config = pathlib.Path(directory, "nginx.conf")
        for plugin, body in LIES.items():
            config.write_text(f"{HEAD}server {{\n{body}\n}}\n}}\n")
            found = {one["plugin"] for one in findings(gixy, config)
                     if one["severity"] in SEVERITIES and not is_known(one)}
            if plugin not in found:
                yield f"{plugin} was not found, but {found or 'nothing'}"


def main():
    gixy, config = sys.argv[1:]
    found = list(lies(gixy) if config == "--lies" else scan(gixy, config))
    print("\n".join(found) or "nothing new")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
