"""Each program's account is refused what is not its part; who has none is refused everything."""

import contextlib

import confluent_kafka
import psycopg
import pymongo
import pytest
import redis
from confluent_kafka import KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from redis.backoff import NoBackoff
from redis.retry import Retry

from support.stack import DLQ, GROUP, TOPIC
from support.wait import wait_for

ANSWER_S = 15
EVENTS = "booking_events"
PROGRAMS = ("write_api", "worker", "projector")
REFUSED = {KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED,
           KafkaError.CLUSTER_AUTHORIZATION_FAILED}
MAY_WRITE = {"write_api": {TOPIC}, "worker": {DLQ}, "projector": {EVENTS}}
MAY_READ = {"write_api": {DLQ}, "worker": {TOPIC}, "projector": set()}


# --- Kafka ------------------------------------------------------------------------------------

def write_error(client, topic):
    """What is said to one message, None: it is stored. It is of a kind that nobody minds."""
    said = []
    producer = confluent_kafka.Producer({**client, "message.timeout.ms": ANSWER_S * 1000,
                                         "log_level": 0})
    producer.produce(topic, value=b"{", partition=0, on_delivery=lambda e, _: said.append(e))
    producer.flush(ANSWER_S)
    return said[0] and said[0].code()


def read_error(client, topic):
    """What is said to who reads from the beginning, beside all groups; None: messages, or that
    there are none."""
    consumer = confluent_kafka.Consumer({
        **client, "group.id": "none", "log_level": 0, "enable.partition.eof": True,
        "enable.auto.commit": False})

    def said():
        message = consumer.poll(1)
        error = message and message.error()
        of_group = error and error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED
        return None if of_group else message

    try:
        unknown = consumer.list_topics(topic, timeout=ANSWER_S).topics[topic].error
        if unknown:
            return unknown.code()
        consumer.assign([TopicPartition(topic, 0, confluent_kafka.OFFSET_BEGINNING)])
        error = wait_for(said, ANSWER_S, "Kafka says something").error()
        return None if not error or error.code() == KafkaError._PARTITION_EOF else error.code()
    finally:
        consumer.close()


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("topic", [TOPIC, DLQ, EVENTS])
def test_a_program_writes_its_own_topic_only(stack, name, topic):
    error = write_error(stack.kafka_as(name), topic)
    assert error is None if topic in MAY_WRITE[name] else error in REFUSED


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("topic", [TOPIC, DLQ, EVENTS])
def test_a_program_reads_its_own_topic_only(stack, name, topic):
    error = read_error(stack.kafka_as(name), topic)
    assert error is None if topic in MAY_READ[name] else error in REFUSED


@pytest.mark.parametrize("name,group", [("write_api", GROUP), ("projector", GROUP),
                                        ("worker", "another")])
def test_only_workers_join_the_group_of_workers(stack, name, group):
    admin = AdminClient({**stack.kafka_as(name), "log_level": 0})
    with pytest.raises(confluent_kafka.KafkaException) as refused:
        admin.list_consumer_group_offsets(
            [confluent_kafka.ConsumerGroupTopicPartitions(group)],
            request_timeout=ANSWER_S)[group].result(ANSWER_S)
    assert refused.value.args[0].code() in REFUSED


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_makes_and_deletes_no_topic(stack, name):
    admin = AdminClient({**stack.kafka_as(name), "log_level": 0})
    for futures in (admin.create_topics([NewTopic("another", 1, 1)], request_timeout=ANSWER_S),
                    admin.delete_topics([TOPIC], request_timeout=ANSWER_S)):
        for future in futures.values():
            with pytest.raises(confluent_kafka.KafkaException) as refused:
                future.result(ANSWER_S)
            assert refused.value.args[0].code() in REFUSED
    assert stack.partitions()


def knows_topics(client):
    try:
        return bool(AdminClient({**client, "log_level": 0}).list_topics(timeout=3).topics)
    except confluent_kafka.KafkaException:
        return False


def test_kafka_tells_nothing_to_who_is_not_known(stack):
    known = stack.kafka_as("admin")
    plain = {"bootstrap.servers": known["bootstrap.servers"]}
    controller = {"bootstrap.servers": f"127.0.0.1:{stack.base + 93}"}
    assert knows_topics(known)
    assert not knows_topics(plain)
    assert not knows_topics(stack.kafka_as("admin", password="another"))
    assert not knows_topics({**stack.kafka_as("worker"), "sasl.username": "seatline_admin"})
    assert not knows_topics(controller)
    assert not knows_topics({**known, **controller})


# --- Redis ------------------------------------------------------------------------------------

KEYS = {"worker": "seatline:lock:{tests}:S1", "write_api": "seatline:idempotency:tests",
        "read_api": "seatline:rate:{tests:x}"}
RATE = "seatline:rate:{tests:x}"


@contextlib.contextmanager
def redis_as(stack, name, password=None):
    client = redis.Redis(
        host="127.0.0.1", port=stack.base + 379, socket_timeout=5, decode_responses=True,
        username=f"seatline_{name}",
        password=password or stack.secrets[f"REDIS_{name.upper()}_PASSWORD"])
    with contextlib.closing(client):
        yield client


@pytest.mark.parametrize("name", KEYS)
def test_a_program_has_its_own_keys_in_redis(stack, name):
    mine = {KEYS[name]} | ({RATE} if name == "write_api" else set())
    with redis_as(stack, name) as client:
        for key in {*KEYS.values(), RATE}:
            if key in mine:
                assert client.set(key, "tests", px=1000)
                continue
            for refused in (lambda: client.get(key), lambda: client.set(key, "x")):
                with pytest.raises(redis.exceptions.NoPermissionError):
                    refused()


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("command", [
    "FLUSHALL", "FLUSHDB", "KEYS *", "SCAN 0", "CONFIG GET *", "CONFIG SET maxmemory 1",
    "ACL LIST", "ACL SETUSER x", "SCRIPT FLUSH", "SHUTDOWN", "REPLICAOF 127.0.0.1 1", "MONITOR",
    "CLIENT LIST", "INFO", "SUBSCRIBE x", "PUBLISH x y", "SAVE", "MODULE LIST",
    "EVAL x 0", "FUNCTION LIST", "RENAME a b", "DBSIZE", "SWAPDB 0 1"])
def test_a_program_runs_no_other_command_in_redis(stack, name, command):
    with redis_as(stack, name) as client:
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.execute_command(*command.split())


def test_redis_answers_nobody_who_is_not_known(stack):
    at = {"host": "127.0.0.1", "port": stack.base + 379, "retry": Retry(NoBackoff(), 0)}
    for login in ({}, {"password": stack.secrets["REDIS_ADMIN_PASSWORD"]},
                  {"username": "seatline_worker", "password": "another"},
                  {"username": "default", "password": ""}):
        with pytest.raises(redis.exceptions.AuthenticationError):
            redis.Redis(**at, **login).ping()


# --- PostgreSQL -------------------------------------------------------------------------------

WRITES = {
    "events": "UPDATE events SET name = name WHERE false",
    "new events": "INSERT INTO events (event_id, name) VALUES ('x', 'x')",
    "seats": "UPDATE seats SET status = 'available' WHERE false",
    "new seats": "INSERT INTO seats (event_id, seat_id, position) VALUES ('x', 'x', 0)",
    "prices": "UPDATE seats SET price_minor = 1 WHERE false",
    "bookings": "UPDATE bookings SET status = 'confirmed' WHERE false",
    "new bookings": "INSERT INTO bookings (booking_id) VALUES (gen_random_uuid())",
    "log": "INSERT INTO booking_log (booking_id) VALUES (gen_random_uuid())",
    "history": "UPDATE booking_log SET status = 'confirmed' WHERE false",
    "progress": "UPDATE partition_progress SET next_offset = 0 WHERE false",
    "outbox": "UPDATE outbox_progress SET seq = 0 WHERE false",
    "accounts": "UPDATE users SET role = 'admin' WHERE false",
    "new accounts": "INSERT INTO users (user_id, email, password_hash, role)"
                    " VALUES ('x', 'x', 'x', 'x')",
    "e-mails": "UPDATE users SET email = email WHERE false",
    "audit": "INSERT INTO audit_log (role, action) VALUES ('x', 'x')",
    "past audit": "UPDATE audit_log SET action = action WHERE false",
    **{f"less {table}": f"DELETE FROM {table} WHERE false" for table in (
        "events", "seats", "bookings", "booking_log", "users", "audit_log", "partition_progress")},
    **{f"no {table}": f"TRUNCATE {table} CASCADE" for table in (
        "seats", "booking_log", "audit_log")},
}
READS = {table: f"SELECT * FROM {table} LIMIT 1" for table in (
    "events", "seats", "bookings", "booking_log", "partition_progress", "outbox_progress",
    "audit_log")}
READS["accounts"] = "SELECT email, password_hash FROM users LIMIT 1"
MAKES = ["CREATE TABLE x (a integer)", "CREATE TEMP TABLE x (a integer)", "CREATE SCHEMA x",
         "DROP TABLE seats", "ALTER TABLE seats ADD COLUMN x integer", "CREATE ROLE x",
         "ALTER ROLE postgres PASSWORD 'x'", "SET ROLE postgres",
         "SET session_replication_role = replica", "COPY seats TO '/tmp/seats'",
         "COPY seats TO PROGRAM 'cat'",
         "SELECT pg_read_file('/etc/passwd')", "ALTER SYSTEM SET fsync = off",
         "CREATE EXTENSION postgres_fdw", "SELECT bookings_keep_limit()"]
MAY = {
    "worker": {"seats", "bookings", "new bookings", "log", "progress",
               "read events", "read seats", "read bookings", "read booking_log",
               "read partition_progress"},
    "projector": {"outbox", "read events", "read seats", "read bookings", "read booking_log",
                  "read outbox_progress"},
    "write_api": {"events", "new events", "new seats", "prices", "accounts", "new accounts",
                  "audit", "read events", "read seats", "read bookings", "read booking_log",
                  "read audit_log", "read accounts"},
}
STATEMENTS = {**WRITES, **{f"read {name}": sql for name, sql in READS.items()}}


def pg_as(stack, name, database="seatline", password=None):
    return psycopg.connect(
        host="127.0.0.1", port=stack.base + 432, user=f"seatline_{name}", dbname=database,
        password=password or stack.secrets[f"PG_{name.upper()}_PASSWORD"], connect_timeout=5)


def is_refused(connection, sql):
    """Nothing is kept. What is let through fails later, if it makes no sense."""
    try:
        connection.execute(sql)
    except psycopg.errors.InsufficientPrivilege:
        return True
    except psycopg.Error as error:
        assert not isinstance(error, psycopg.OperationalError), error
    finally:
        connection.rollback()
    return False


@pytest.mark.parametrize("name", MAY)
def test_a_program_does_its_part_in_postgresql_only(stack, name):
    with pg_as(stack, name) as connection:
        allowed = {what for what, sql in STATEMENTS.items() if not is_refused(connection, sql)}
    assert allowed == MAY[name]


@pytest.mark.parametrize("name", MAY)
@pytest.mark.parametrize("sql", MAKES)
def test_a_program_changes_nothing_about_postgresql(stack, name, sql):
    with pg_as(stack, name) as connection:
        connection.autocommit = True  # some of it cannot be in a transaction
        assert is_refused(connection, sql)


def test_postgresql_lets_in_nobody_else(stack):
    for refused in (lambda: pg_as(stack, "worker", password="another"),
                    lambda: pg_as(stack, "worker", "postgres"),
                    lambda: pg_as(stack, "write_api", "template1"),
                    lambda: psycopg.connect(host="127.0.0.1", port=stack.base + 432,
                                            user="postgres", dbname="seatline",
                                            password="another")):
        with pytest.raises(psycopg.OperationalError):
            refused()


# --- MongoDB ----------------------------------------------------------------------------------

def mongo_as(stack, name, database="seatline"):
    return pymongo.MongoClient(
        "127.0.0.1", stack.base + 17, directConnection=True, username=f"seatline_{name}",
        password=stack.secrets[f"MONGO_{name.upper()}_PASSWORD"], authSource="seatline",
        serverSelectionTimeoutMS=5000, socketTimeoutMS=20000)[database]


NOBODY = {"_id": "nobody"}
MONGO = {
    "read": lambda db: db["events"].find_one(NOBODY),
    "watch": lambda db: db.watch(max_await_time_ms=1).close(),
    "insert": lambda db: db["tests"].insert_one({"n": 1}),
    "update": lambda db: db["bookings"].update_one(NOBODY, {"$set": {"a": 1}}),
    "remove": lambda db: db["bookings"].delete_one(NOBODY),
    "index": lambda db: db["tests"].create_index("n"),
    "drop": lambda db: db["tests"].drop(),
    "rename": lambda db: db["tests"].rename("others"),
    "drop all": lambda db: db.client.drop_database("seatline"),
    "list": lambda db: db.list_collection_names(),
    "users": lambda db: db.command("usersInfo", 1),
    "new users": lambda db: db.command("createUser", "x", pwd="x", roles=[]),
    "rights": lambda db: db.command("grantRolesToUser", "seatline_read_api",
                                    roles=["seatline_projector"]),
    "another database": lambda db: db.client["another"]["tests"].insert_one({"n": 1}),
    "local": lambda db: db.client["local"]["oplog.rs"].find_one(),
    "accounts": lambda db: db.client["admin"]["system.users"].find_one(),
    "profile": lambda db: db.command("profile", 2),
    "shut down": lambda db: db.client.admin.command("shutdown"),
}
MONGO_MAY = {"projector": {"read", "insert", "update", "remove", "index"},
             "read_api": {"read", "watch"}}
NOT_AUTHORIZED = 13


@pytest.mark.parametrize("name", MONGO_MAY)
@pytest.mark.parametrize("what", MONGO)
def test_a_program_does_its_part_in_mongodb_only(stack, name, what):
    db = mongo_as(stack, name)
    with contextlib.closing(db.client):
        if what in MONGO_MAY[name]:
            MONGO[what](db)
            return
        with pytest.raises(pymongo.errors.OperationFailure) as refused:
            MONGO[what](db)
        assert refused.value.code == NOT_AUTHORIZED, refused.value


def test_mongodb_answers_nobody_who_is_not_known(stack):
    with contextlib.closing(pymongo.MongoClient(
            "127.0.0.1", stack.base + 17, directConnection=True,
            serverSelectionTimeoutMS=5000)) as client:
        with pytest.raises(pymongo.errors.OperationFailure):
            client["seatline"]["events"].find_one(NOBODY)
