#!/usr/bin/python3
"""Makes a fresh mongod a replica set of one with a user for each program; waits for its primary.

Usage: mongodb-setup.py HOST:PORT DATABASE SECONDS
Passwords come from MONGO_ADMIN_PASSWORD, MONGO_PROJECTOR_PASSWORD and MONGO_READ_API_PASSWORD.
Run any number of times: users get these passwords and the rights below, whatever they had.
"""

import os
import sys
import time

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

ALREADY_INITIALIZED = 23
AUTHENTICATION_FAILED = 18
ROLE_EXISTS = 51002
USER_EXISTS = 51003
POLL_S = 0.05
# No program may drop, rename, or look at another database. A change stream over all collections
# needs its right, and find, on all of them.
RIGHTS = {
    "seatline_projector": ["find", "insert", "update", "remove", "createCollection", "createIndex"],
    "seatline_read_api": ["find", "changeStream"],
}


def connect(host, **credentials):
    return MongoClient(host, directConnection=True, serverSelectionTimeoutMS=2000,
                       connectTimeoutMS=2000, socketTimeoutMS=10000, **credentials)


def wait_for_primary(client, deadline):
    while not client.admin.command("hello").get("isWritablePrimary"):
        if time.monotonic() > deadline:
            sys.exit("error: mongod did not become primary")
        time.sleep(POLL_S)


def settle(client, database, what, name, code, **values):
    """Creates a user or a role; changes the one that is there already."""
    try:
        client[database].command(f"create{what}", name, **values)
    except OperationFailure as error:
        if error.code != code:
            raise
        client[database].command(f"update{what}", name, **values)


def settle_program(client, database, name, password):
    """A user with a role of the same name."""
    privileges = [{"resource": {"db": database, "collection": ""}, "actions": RIGHTS[name]}]
    settle(client, database, "Role", name, ROLE_EXISTS, privileges=privileges, roles=[])
    settle(client, database, "User", name, USER_EXISTS, pwd=password, roles=[name])


def first_start(host, deadline):
    """mongod lets a local client without a name do this much, until the first user exists."""
    client = connect(host)
    try:
        client.admin.command("replSetInitiate",
                             {"_id": "rs0", "members": [{"_id": 0, "host": host}]})
    except OperationFailure as error:
        if error.code != ALREADY_INITIALIZED:
            raise
    wait_for_primary(client, deadline)
    settle(client, "admin", "User", "seatline_admin", USER_EXISTS, roles=["root"],
           pwd=os.environ["MONGO_ADMIN_PASSWORD"])


def follow_port(client, host):
    """After a change of port the member no longer finds itself in its own configuration."""
    config = client.admin.command("replSetGetConfig")["config"]
    if config["members"][0]["host"] != host:
        config["members"][0]["host"] = host
        config["version"] += 1
        client.admin.command("replSetReconfig", config, force=True)


def main():
    host, database, seconds = sys.argv[1:]
    deadline = time.monotonic() + float(seconds)
    admin = connect(host, username="seatline_admin", authSource="admin",
                    password=os.environ["MONGO_ADMIN_PASSWORD"])
    try:
        admin.admin.command("ping")
    except OperationFailure as error:
        if error.code != AUTHENTICATION_FAILED:
            raise
        first_start(host, deadline)
    follow_port(admin, host)
    wait_for_primary(admin, deadline)
    settle_program(admin, database, "seatline_projector", os.environ["MONGO_PROJECTOR_PASSWORD"])
    settle_program(admin, database, "seatline_read_api", os.environ["MONGO_READ_API_PASSWORD"])


if __name__ == "__main__":
    try:
        main()
    except PyMongoError as failure:
        sys.exit(f"error: MongoDB: {failure}")
