#!/usr/bin/python3
"""Waits for a Kafka broker and creates the topics that are missing.

Usage: create-topics.py BROKERS SECONDS NAME:PARTITIONS...

As KAFKA_SASL_USER, by PLAIN with KAFKA_SASL_PASSWORD, where that is set.

Through librdkafka, because Kafka's own tool takes a JVM and seconds for each topic.
"""

import os
import sys
import time

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

REQUEST_S = 10


def existing(admin, deadline):
    """Partitions by topic, as soon as the broker answers."""
    while True:
        try:
            topics = admin.list_topics(timeout=1).topics
            return {name: len(topic.partitions) for name, topic in topics.items()}
        except KafkaException as error:
            if time.monotonic() > deadline:
                sys.exit(f"error: the broker does not answer: {error}")
            time.sleep(0.05)


def login():
    """What a client needs to be known; nothing where the broker asks nobody."""
    user = os.environ.get("KAFKA_SASL_USER")
    if not user:
        return {}
    return {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN",
            "sasl.username": user, "sasl.password": os.environ["KAFKA_SASL_PASSWORD"]}


def main():
    brokers, seconds, *wanted = sys.argv[1:]
    # Refused connections while the broker starts are expected and not worth a line each.
    admin = AdminClient({"bootstrap.servers": brokers, "log_level": 0, **login(),
                         "reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 100})
    there = existing(admin, time.monotonic() + float(seconds))
    missing = []
    for name, partitions in (topic.rsplit(":", 1) for topic in wanted):
        if name not in there:
            missing.append(NewTopic(name, num_partitions=int(partitions), replication_factor=1))
        elif there[name] != int(partitions):
            # A booking id names its partition through their number: it stays as it was created.
            print(f"warning: topic {name} has {there[name]} partitions, not {partitions}; "
                  "only a reset changes that")
    if not missing:
        return
    for name, done in admin.create_topics(missing, request_timeout=REQUEST_S).items():
        try:
            done.result(REQUEST_S)
        except KafkaException as error:
            sys.exit(f"error: topic {name}: {error}")


if __name__ == "__main__":
    main()
