#!/usr/bin/python3
"""Makes a fresh mongod a replica set of one with a user for each program; waits for its primary.

Usage: mongodb-setup.py HOST:PORT DATABASE SECONDS
Passwords come from MONGO_ADMIN_PASSWORD, MONGO_PROJECTOR_PASSWORD and MONGO_READ_API_PASSWORD.
Run any number of times: what exists stays as it is.
"""

import os
import sys
import time

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

ALREADY_INITIALIZED = 23
AUTHENTICATION_FAILED = 18
USER_EXISTS = 51003
POLL_S = 0.05


def connect(host, **credentials):
    return MongoClient(host, directConnection=True, serverSelectionTimeoutMS=2000,
                       connectTimeoutMS=2000, socketTimeoutMS=10000, **credentials)


def wait_for_primary(client, deadline):
    while not client.admin.command("hello").get("isWritablePrimary"):
        if time.monotonic() > deadline:
            sys.exit("error: mongod did not become primary")
        time.sleep(POLL_S)


def create_user(client, database, name, password, roles):
    try:
        client[database].command("createUser", name, pwd=password, roles=roles)
    except OperationFailure as error:
        if error.code != USER_EXISTS:
            raise


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
    create_user(client, "admin", "seatline_admin", os.environ["MONGO_ADMIN_PASSWORD"], ["root"])


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
    create_user(admin, database, "seatline_projector", os.environ["MONGO_PROJECTOR_PASSWORD"],
                ["readWrite"])
    create_user(admin, database, "seatline_read_api", os.environ["MONGO_READ_API_PASSWORD"],
                ["read"])


if __name__ == "__main__":
    try:
        main()
    except PyMongoError as failure:
        sys.exit(f"error: MongoDB: {failure}")
