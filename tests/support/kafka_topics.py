"""Reading whole topics, beside whoever else reads them."""

import time

import confluent_kafka
from confluent_kafka import TopicPartition

from support.wait import wait_for

TOPIC, LETTERS, TOLD = "booking_requests", "booking_requests.dlq", "booking_events"
KAFKA_S = 60
AT_ONCE = 5000


def _consumer(brokers):
    return confluent_kafka.Consumer({
        "bootstrap.servers": brokers, "group.id": "facts", "enable.auto.commit": False,
        "enable.partition.eof": True, "log_level": 0})


def _bounds(consumer, topic):
    """Partition -> its first and its next offset. A broker that is not ready is asked again."""
    def ask():
        known = consumer.list_topics(topic, timeout=KAFKA_S).topics[topic]
        return {p: consumer.get_watermark_offsets(TopicPartition(topic, p), KAFKA_S)
                for p in known.partitions}
    return wait_for(ask, KAFKA_S, f"Kafka tells how long {topic} is")


def ends_of(brokers, topic):
    """Partition -> its next offset."""
    consumer = _consumer(brokers)
    try:
        return {p: end for p, (_, end) in _bounds(consumer, topic).items()}
    finally:
        consumer.close()


def messages_of(brokers, topic):
    """All that the topic has now, in each partition's order. Errors that pass by are waited out."""
    consumer, error = _consumer(brokers), None
    try:
        left = {p: end for p, (first, end) in _bounds(consumer, topic).items() if end > first}
        consumer.assign([TopicPartition(topic, p, confluent_kafka.OFFSET_BEGINNING) for p in left])
        deadline = time.monotonic() + KAFKA_S
        while left:
            assert time.monotonic() < deadline, f"{topic}: {left} not reached: {error}"
            for message in consumer.consume(AT_ONCE, timeout=1):
                error, partition = message.error(), message.partition()
                if error and error.code() != confluent_kafka.KafkaError._PARTITION_EOF:
                    continue
                deadline = time.monotonic() + KAFKA_S
                if not error and partition in left:
                    yield message
                if error or message.offset() + 1 >= left.get(partition, 0):
                    left.pop(partition, None)
    finally:
        consumer.close()
