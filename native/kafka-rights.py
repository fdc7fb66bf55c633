#!/usr/bin/python3
"""Lets each program's user at a Kafka broker do what it has to; nobody may do anything else.

Usage: kafka-rights.py HOST:PORT SECONDS
Logs in by PLAIN, as KAFKA_SASL_USER with KAFKA_SASL_PASSWORD. Run any number of times: rights that
exist stay.

In Kafka's own words (kafka.apache.org/protocol): Debian's Python client cannot give rights, and
Kafka's own tool takes a JVM and seconds for each.
"""

import os
import socket
import struct
import sys
import time

TOPIC, GROUP = 2, 3
READ, WRITE = 3, 4
# Whoever may read or write may describe, too. seatline_admin may do everything (super.users).
RIGHTS = (
    ("seatline_write_api", TOPIC, "booking_requests", WRITE),
    ("seatline_write_api", TOPIC, "booking_requests.dlq", READ),
    ("seatline_worker", TOPIC, "booking_requests", READ),
    ("seatline_worker", GROUP, "booking-workers", READ),
    ("seatline_worker", TOPIC, "booking_requests.dlq", WRITE),
    ("seatline_projector", TOPIC, "booking_events", WRITE),
)

SASL_HANDSHAKE, SASL_AUTHENTICATE, CREATE_ACLS = 17, 36, 30
LITERAL, ALLOW = 3, 3
ANSWER_S = 10
ANSWER_BYTES_MAX = 1 << 20
POLL_S = 0.1


class Refused(Exception):
    """The broker said no, perhaps because it only just started."""


def text(value):
    return struct.pack(">h", len(value)) + value.encode()


def read(connection, size):
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise ConnectionError("the broker hung up")
        data += part
    return data


def ask(connection, api, version, body):
    """Sends a request and answers the body of what comes back."""
    request = struct.pack(">hhi", api, version, api) + text("kafka-rights") + body
    connection.sendall(struct.pack(">i", len(request)) + request)
    size, = struct.unpack(">i", read(connection, 4))
    if not 4 <= size <= ANSWER_BYTES_MAX:
        raise ConnectionError("this is no Kafka broker")
    return read(connection, size)[4:]


def refuse(code, what):
    if code:
        raise Refused(f"{what}: error {code}")


def log_in(connection, user, password):
    answer = ask(connection, SASL_HANDSHAKE, 1, text("PLAIN"))
    refuse(struct.unpack_from(">h", answer)[0], "PLAIN")
    proof = f"\0{user}\0{password}".encode()
    answer = ask(connection, SASL_AUTHENTICATE, 0, struct.pack(">i", len(proof)) + proof)
    refuse(struct.unpack_from(">h", answer)[0], f"log in as {user}")


def give_rights(connection):
    body = struct.pack(">i", len(RIGHTS))
    for user, kind, name, operation in RIGHTS:
        body += (struct.pack(">b", kind) + text(name) + struct.pack(">b", LITERAL)
                 + text(f"User:{user}") + text("*") + struct.pack(">bb", operation, ALLOW))
    answer = ask(connection, CREATE_ACLS, 1, body)
    at = 8  # behind the throttle time and the number of results
    for right in RIGHTS:
        code, size = struct.unpack_from(">hh", answer, at)  # and a message of that size
        at += 4 + max(size, 0)
        refuse(code, f"right {right}")


def main():
    address, seconds = sys.argv[1:]
    host, _, port = address.rpartition(":")
    deadline = time.monotonic() + float(seconds)
    while True:
        try:
            with socket.create_connection((host, int(port)), timeout=ANSWER_S) as connection:
                log_in(connection, os.environ["KAFKA_SASL_USER"], os.environ["KAFKA_SASL_PASSWORD"])
                return give_rights(connection)
        except (OSError, Refused, struct.error) as error:
            if time.monotonic() > deadline:
                sys.exit(f"error: the rights in Kafka: {error}")
            time.sleep(POLL_S)


if __name__ == "__main__":
    main()
