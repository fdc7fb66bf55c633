"""What production in containers is made of, as far as it can be tried without an engine."""

import os
import re
import subprocess

import pytest

from lib import leaks
from support.stack import ROOT

DOCKER = ROOT / "docker"
EXIT_BAD = 78


def with_secrets(directory, *command, **environment):
    return subprocess.run(
        ["/bin/sh", DOCKER / "with-secrets.sh", *command], text=True, timeout=30,
        env={"PATH": os.environ["PATH"], "SECRETS_DIR": str(directory), **environment},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.parametrize("given,expected", [
    ("@{ONE}", "first"),
    ("user=a password=@{ONE} more", "user=a password=first more"),
    ("@{ONE}@{TWO}", "firstse cond$(id)`id`\"'\\"),
    ("mongodb://a:@{ONE}@host/?b=@{ONE}", "mongodb://a:first@host/?b=first"),
    ("a@b.c {ONE} $ONE @{one} @{", "a@b.c {ONE} $ONE @{one} @{"),
])
def test_names_of_secrets_are_replaced_by_what_their_files_say(tmp_path, given, expected):
    (tmp_path / "ONE").write_text("first\n")
    (tmp_path / "TWO").write_text("se cond$(id)`id`\"'\\\n")
    done = with_secrets(tmp_path, "sh", "-c", 'printf %s "$VALUE"', VALUE=given)
    assert (done.returncode, done.stdout) == (0, expected), done.stderr


@pytest.mark.parametrize("content", [None, ""])
def test_without_a_secret_nothing_starts(tmp_path, content):
    if content is not None:
        (tmp_path / "ONE").write_text(content)
    done = with_secrets(tmp_path, "echo", "started", VALUE="x @{ONE}")
    assert (done.returncode, done.stdout) == (EXIT_BAD, ""), done
    assert "ONE" in done.stderr


def test_what_it_becomes_is_the_command_itself(tmp_path):
    done = with_secrets(tmp_path, "sh", "-c", 'echo "$#:$1"; exit 7', "name", "a b")
    assert (done.returncode, done.stdout) == (7, "1:a b\n")


def test_secrets_are_made_once_and_are_none_of_the_demo(tmp_path):
    directory = tmp_path / "secrets"
    contents = []
    for _ in range(2):
        subprocess.run([DOCKER / "make-secrets.sh", directory], check=True, timeout=60,
                       stdin=subprocess.DEVNULL)
        contents.append({path.name: path.read_text() for path in directory.iterdir()})
    assert contents[0] == contents[1]
    hexadecimal = {name: text for name, text in contents[0].items() if name.isupper()}
    assert all(re.fullmatch(r"[0-9a-f]{64}\n", text) for text in hexadecimal.values())
    assert len(set(hexadecimal.values())) == len(hexadecimal) > 15
    assert not any(leaks.DEMO_MARK in text for text in hexadecimal.values())
    assert directory.stat().st_mode & 0o077 == 0
    for file, has_key in (("kafka.pem", True), ("kafka-ca.pem", False)):
        assert ("PRIVATE KEY" in contents[0][file]) == has_key
        subprocess.run(["openssl", "verify", "-CAfile", directory / "kafka-ca.pem",
                        directory / file], check=True, stdout=subprocess.DEVNULL)


def test_both_ways_to_run_it_have_the_same_secrets():
    common = (ROOT / "native" / "common.sh").read_text()
    native = re.search(r"^readonly SECRETS=\(([^)]*)\)", common, re.M)[1].split()
    production = re.findall(r"^([A-Z_]+)=@\{\1\}$", (DOCKER / "production.env").read_text(), re.M)
    assert sorted(native) == sorted(production)


def test_both_ways_to_run_it_give_the_same_rights():
    operations = {"3": "Read", "4": "Write", "READ": "Read", "WRITE": "Write"}
    rights = re.findall(r'^    \("(\w+)", (TOPIC|GROUP), "([\w.-]+)", (\w+)\),$',
                        (ROOT / "native" / "kafka-rights.py").read_text(), re.M)
    native = {(user, operations[how], kind.lower(), name) for user, kind, name, how in rights}
    allowed = re.findall(r"^allow (\w+) (\w+) (.*)$", (DOCKER / "topics.sh").read_text(), re.M)
    docker = {(user, how, kind, name) for user, how, rest in allowed
              for kind, name in re.findall(r"--(topic|group) (\S+)", rest)}
    assert native == docker and len(native) == 6


def test_both_ways_to_run_it_have_the_same_users_of_redis():
    def rules(text):
        text = re.sub(r"resetchannels|resetpass|resetkeys", "", text)
        return {user: sorted(rest.split()) for user, rest in re.findall(
            r"^user (seatline_\w+) on >\S+ (.*)$", text, re.M)}

    docker = (DOCKER / "redis.sh").read_text()
    for variable in ("limits", "keys", "none"):
        docker = docker.replace(f"${variable}", re.search(rf"^{variable}='(.*)'$", docker, re.M)[1])
    docker = docker.replace("+time -time", "")
    assert rules((ROOT / "native" / "redis.conf").read_text()) == rules(docker)


def test_both_ways_to_run_it_give_the_same_rights_in_mongodb():
    def rights(path, name):
        listed = re.search(rf'{name}"?: \[([^\]]*)\]', path.read_text())[1]
        return re.findall(r'"(\w+)"', listed)

    for name in ("seatline_projector", "seatline_read_api"):
        assert rights(ROOT / "native" / "mongodb-setup.py", name) == rights(
            DOCKER / "replica-set.js", name) != []
