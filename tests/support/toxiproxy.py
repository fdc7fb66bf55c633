"""toxiproxy between the programs and their servers: links that are slow, cut, reset, or silent.

    with through_proxies(stack) as links:    # the programs run anew, a proxy in each way
        with links["worker-redis"].slow(2000):
            ...

When a fault ends, what it held back goes on or is closed; nothing of it stays.
"""

import contextlib
import http.client
import json
import os
import subprocess

from support.stack import KAFKA_PROXIES, ROOT
from support.wait import wait_for

PROGRAM = ROOT / ".run" / "opt" / "toxiproxy-2.5.0" / "toxiproxy"
START_S = 10
ANSWER_S = 5
END_S = 5
API, PROXIES = 300, 301  # offsets from the stack's ports

# Who asks whom, and the offset of whose port.
LINKS = {
    "write-api-kafka": 92,
    "worker-kafka": 92,
    "projector-kafka": 92,
    "worker-postgresql": 432,
    "projector-postgresql": 432,
    "worker-redis": 379,
    "write-api-redis": 379,
    "projector-mongodb": 17,
    "read-api-mongodb": 17,
    "projector-live": 89,
}
# Kafka listens here for what comes through KAFKA_PROXIES, the first of the links.
KAFKA_LISTENERS = (94, 95, 96)
assert KAFKA_PROXIES == tuple(PROXIES + i for i, at in enumerate(LINKS.values()) if at == 92)


class Link:
    """One program's way to one server, for all its instances."""

    def __init__(self, proxies, name, port, target):
        self._proxies, self.name, self.port, self.target = proxies, name, port, target
        self.program, _, self.server = name.rpartition("-")

    def __repr__(self):
        return f"<link {self.name}>"

    def environment(self, stack):
        """Of the program, to take this way."""
        env = stack[f"{self.program}-0"].env
        port = stack.base + self.target
        if self.server == "kafka":
            return {"KAFKA_BROKERS": f"127.0.0.1:{self.port}"}
        if self.server == "redis":
            return {"REDIS_PORT": str(self.port)}
        if self.server == "postgresql":
            return {"PG_DSN": env["PG_DSN"].replace(f"port={port} ", f"port={self.port} ")}
        if self.server == "live":
            return {"LIVE_URL": env["LIVE_URL"].replace(f":{port}/", f":{self.port}/")}
        # With replicaSet the driver goes on to the address that the server tells, past the proxy.
        return {"MONGO_URI": env["MONGO_URI"].replace(
            f":{port}/?replicaSet=rs0", f":{self.port}/?directConnection=true")}

    @contextlib.contextmanager
    def _faulty(self, *toxics):
        """toxics: (type, stream, attributes), met in this order."""
        path = f"/proxies/{self.name}/toxics"
        added = []
        try:
            for kind, stream, attributes in toxics:
                self._proxies.ask("POST", path, {"name": f"{kind}-{stream}", "type": kind,
                                                 "stream": stream, "attributes": attributes})
                added.append(f"{kind}-{stream}")
            yield self
        finally:
            for name in reversed(added):
                self._proxies.ask("DELETE", f"{path}/{name}")

    def slow(self, ms=500, jitter=250):
        """Every answer comes later by so much."""
        return self._faulty(("latency", "downstream", {"latency": ms, "jitter": jitter}))

    def reset(self):
        """Connections are reset, new ones at their first word."""
        return self._faulty(("reset_peer", "upstream", {"timeout": 0}),
                            ("reset_peer", "downstream", {"timeout": 0}))

    def slow_close(self, after_bytes=4000, ms=1000):
        """Answers end in their middle, and the connection so much later."""
        return self._faulty(("limit_data", "downstream", {"bytes": after_bytes}),
                            ("slow_close", "downstream", {"delay": ms}))

    def hang(self):
        """Requests arrive and are done, no answer comes, no connection ends."""
        return self._faulty(("timeout", "downstream", {"timeout": 0}))


class Proxies:
    """The process, and a proxy for each link; the programs do not know of them yet."""

    def __init__(self, stack):
        assert PROGRAM.exists(), f"{PROGRAM} is not there: ./tests/run.sh faults makes it"
        self._port = stack.base + API
        self._process = None
        self._log = open(stack.state / "log" / "toxiproxy.log", "ab")
        self._environment = {**os.environ, "SEATLINE_STATE_DIR": str(stack.state)}
        self.links = {name: Link(self, name, stack.base + PROXIES + i, target)
                      for i, (name, target) in enumerate(LINKS.items())}
        targets = [*KAFKA_LISTENERS, *list(LINKS.values())[len(KAFKA_LISTENERS):]]
        self._upstreams = {name: stack.base + at for name, at in zip(LINKS, targets)}

    def __enter__(self):
        self._process = subprocess.Popen(
            [PROGRAM, "-host", "127.0.0.1", "-port", str(self._port)], env=self._environment,
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log)
        try:
            wait_for(lambda: self.ask("GET", "/version"), START_S, "toxiproxy answers")
            for name, link in self.links.items():
                self.ask("POST", "/proxies", {
                    "name": name, "listen": f"127.0.0.1:{link.port}",
                    "upstream": f"127.0.0.1:{self._upstreams[name]}", "enabled": True})
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._process.terminate()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(END_S)
        self._log.close()

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=ANSWER_S)
        try:
            connection.request(method, path, json.dumps(body) if body else None)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        assert answer.status < 300, f"toxiproxy: {method} {path}: {answer.status} {text}"
        return text


@contextlib.contextmanager
def through_proxies(stack, names=tuple(LINKS)):
    """Meanwhile the programs go these ways through proxies: name -> Link."""
    with Proxies(stack) as proxies:
        links = {name: proxies.links[name] for name in names}
        settings = {}
        for link in links.values():
            for instance in stack.instances(link.program):
                settings.setdefault(instance, {}).update(link.environment(stack))
        with stack.changed(settings):
            yield links
