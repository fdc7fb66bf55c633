"""A server that was away and comes back; what the programs cost meanwhile."""

import contextlib
import socket
import threading
from pathlib import Path

from confluent_kafka.admin import AdminClient

from support.stack import TOPIC
from support.wait import wait_for

START_S = 180  # another start may be installing
PORTS = {"kafka": 92, "postgresql": 432, "redis": 379, "mongodb": 17}


def answers(stack, name):
    """PostgreSQL and Kafka take connections before they do anything else for who connects."""
    if name == "postgresql":
        stack.pg().close()
    elif name == "kafka":
        admin = AdminClient({"bootstrap.servers": stack.kafka_brokers, "log_level": 0})
        partitions = admin.list_topics(TOPIC, timeout=2).topics[TOPIC].partitions
        return partitions and all(part.leader >= 0 for part in partitions.values())
    else:
        socket.create_connection(("127.0.0.1", stack.base + PORTS[name]), timeout=1).close()
    return True


@contextlib.contextmanager
def coming_back(stack, name, start=None):
    """Starts it the way a user would, or with start(); what is inside begins as soon as it
    answers."""
    failed = []

    def run():
        try:
            (start or (lambda: stack.start_server(name)))()
        except BaseException as error:  # for whoever waits, not for this thread
            failed.append(error)

    starting = threading.Thread(target=run, daemon=True)
    starting.start()
    wait_for(lambda: failed or answers(stack, name), START_S, f"{name} answers")
    if not failed:
        yield
    starting.join(START_S)
    assert not starting.is_alive(), f"{name} still starts"
    if failed:
        raise failed[0]


def memory_mb(stack):
    """What each program has in memory."""
    return {name: int(Path(f"/proc/{stack[name].pid}/statm").read_text().split()[1]) * 4 / 1024
            for name in stack.instances()}
