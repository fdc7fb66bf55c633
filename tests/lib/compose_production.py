#!/usr/bin/env python3
"""Says what docker/compose.production.yml leaves open.

usage: compose_production.py           the files as they are
       compose_production.py --lies    changed ones, each of which has to be found out
"""

import copy
import pathlib
import re
import sys

import ruamel.yaml

DOCKER = pathlib.Path(__file__).resolve().parents[2] / "docker"
PROGRAMS = ("write-api", "worker", "projector", "read-api")
SERVERS = ("write-api", "read-api")  # who are asked from outside
CLIENTS_OF_KAFKA = ("write-api", "worker", "projector")
WRITABLE = {"kafka": "its image writes its configuration at the start",
            "topics": "Kafka's tools write a log beside them"}
PLACE = re.compile(r"@\{(\w+)\}")
VARIABLE = re.compile(r"\$\{(\w+)(?::?[-?]([^}]*))?\}")


def merged(one, other):
    """As docker compose does with two files."""
    if isinstance(one, dict) and isinstance(other, dict):
        return {**one, **other, **{key: merged(one[key], other[key]) for key in one.keys() & other}}
    if isinstance(one, list) and isinstance(other, list):
        return one + other
    return other


def filled(value, env):
    if isinstance(value, dict):
        return {key: filled(inner, env) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, env) for inner in value]
    if isinstance(value, str):
        return VARIABLE.sub(lambda found: env.get(found[1], found[2] or ""), value)
    return value


def read(name):
    return ruamel.yaml.YAML(typ="safe").load(DOCKER / name)


def whole():
    lines = (line for line in (DOCKER / "production.env").read_text().splitlines()
             if line and not line.startswith("#"))
    env = dict(line.partition("=")[::2] for line in lines)
    base, top = read("compose.yml"), read("compose.production.yml")
    for name, service in top["services"].items():  # these replace, lists too
        for key in ("entrypoint", "healthcheck"):
            if key in service:
                base["services"][name].pop(key, None)
    return filled(merged(base, top), env), env


def about_any(name, service):
    if "no-new-privileges:true" not in service.get("security_opt", []):
        yield f"{name} may gain privileges"
    if service.get("cap_drop") != ["ALL"] or service.get("cap_add"):
        yield f"{name} has capabilities"
    if service.get("privileged") or service.get("network_mode") == "host":
        yield f"{name} has the machine's rights"
    for limit in ("mem_limit", "pids_limit"):
        if not service.get(limit):
            yield f"{name} has no {limit}"
    if not service.get("read_only") and name not in WRITABLE:
        yield f"{name} may write to its file system"
    if service.get("ports") and name != "nginx":
        yield f"{name} publishes a port"
    if name != "nginx" and "front" in service.get("networks", []):
        yield f"{name} is on the network with a way out"


def about_secrets(name, service, known, files):
    given = {one if isinstance(one, str) else one["source"] for one in service.get("secrets", [])}
    used = set(PLACE.findall(str(service.get("environment", {}))))
    for missing in used - given:
        yield f"{name} does not get {missing}"
    for idle in (given & known) - used:
        yield f"{name} gets {idle} for nothing"
    for unknown in given - files:
        yield f"{name} gets {unknown}, which no file has"
    if used and "/seatline/with-secrets.sh" not in service.get("entrypoint", []):
        yield f"{name} gets names in place of secrets"
    for variable, value in service.get("environment", {}).items():
        if re.search(r"PASSWORD$|_KEY$|_SECRET$|^JWT", variable) and not PLACE.search(str(value)):
            yield f"{name} has {variable} in the configuration"


def about_program(name, environment):
    if environment.get("PRODUCTION") != "true":
        yield f"{name} does not know that it is production"
    if name in SERVERS and environment.get("AUTH_MODE") != "jwt":
        yield f"{name} asks nobody who they are"
    if name in SERVERS and environment.get("OPEN_MODE_ANYWHERE") != "false":
        yield f"{name} would be open anywhere"
    if name in CLIENTS_OF_KAFKA and (environment.get("KAFKA_SECURITY_PROTOCOL") != "SASL_SSL"
                                     or not environment.get("KAFKA_CA_FILE")):
        yield f"{name} talks to Kafka for all to hear"


def about_limits(compose):
    """What a program or the gateway has as 0, has no limit."""
    for name, service in compose["services"].items():
        for variable, value in service.get("environment", {}).items():
            if variable.startswith(("RATE_", "ADDRESS_")) and str(value) in ("", "0"):
                yield f"{name} has no {variable}"


def complaints(compose, env):
    known = {name for name, value in env.items() if value == f"@{{{name}}}"}
    files = set(compose["secrets"])
    for name, service in compose["services"].items():
        yield from about_any(name, service)
        yield from about_secrets(name, service, known, files)
    for name in PROGRAMS:
        yield from about_program(name, compose["services"][name]["environment"])
    yield from about_limits(compose)
    kafka = compose["services"]["kafka"]["environment"]
    if re.search(r":PLAINTEXT|:SSL", kafka["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"]):
        yield "Kafka lets in who does not log in"
    if kafka.get("KAFKA_ALLOW_EVERYONE_IF_NO_ACL_FOUND") != "false":
        yield "Kafka lets everybody do what nobody is named for"
    if compose["services"]["nginx"]["environment"].get("SEATLINE_TLS") != "1":
        yield "the gateway speaks no TLS"
    if not compose["networks"]["back"].get("internal"):
        yield "the network of the programs has a way out"


def lies():
    """Each change has to be told, and nothing else."""
    compose, env = whole()
    changes = (
        ("worker", "cap_drop", []), ("redis", "security_opt", []), ("nginx", "mem_limit", None),
        ("seed", "pids_limit", 0), ("read-api", "read_only", False),
        ("mongodb", "ports", ["27017:27017"]), ("worker", "networks", ["front", "back"]),
        ("write-api", "secrets", ["kafka-ca.pem"]), ("kafka", "privileged", True),
        ("projector", "entrypoint", ["projector"]))
    values = (
        ("worker", "PRODUCTION", "false"), ("write-api", "AUTH_MODE", "open"),
        ("read-api", "OPEN_MODE_ANYWHERE", "true"), ("worker", "REDIS_PASSWORD", "hunter2"),
        ("projector", "KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT"), ("nginx", "SEATLINE_TLS", "0"),
        ("nginx", "RATE_AUTH_PER_MIN", "0"),
        ("kafka", "KAFKA_ALLOW_EVERYONE_IF_NO_ACL_FOUND", "true"))
    for name, key, value in (*changes, *values):
        changed = copy.deepcopy(compose)
        service = changed["services"][name]
        (service if (name, key, value) in changes else service["environment"])[key] = value
        if not list(complaints(changed, env)):
            yield f"nobody minds that {key} of {name} is {value}"


def main():
    found = list(lies() if sys.argv[1:] == ["--lies"] else complaints(*whole()))
    print("\n".join(found) or "nothing is open")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
