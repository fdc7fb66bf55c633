"""An HTTP client for tests: keep-alive, everything timed out, no proxy, no retry, no redirect."""

import http.client
import json
import socket
import threading
import time
from dataclasses import dataclass

TIMEOUT_S = 20  # above the gateway's longest wait
IDLE_S = 3  # a connection idle for longer is not used again: the gateway may be closing it


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self):
        return json.loads(self.body)

    def header(self, name):
        return self.headers.get(name)

    def __str__(self):
        return f"{self.status} {dict(self.headers)} {self.body[:600]!r}"


class Client:
    """One keep-alive connection per thread. headers: sent with every request, unless raw."""

    def __init__(self, port, host="127.0.0.1", headers=None):
        self.host, self.port = host, port
        self.headers = headers or {}
        self._local = threading.local()

    def _connection(self):
        connection = getattr(self._local, "connection", None)
        if connection and time.monotonic() - self._local.used > IDLE_S:
            connection.close()
            connection = None
        if not connection:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT_S)
            self._local.connection = connection
        return connection

    def forget(self):
        """The connection, whose server went."""
        if connection := getattr(self._local, "connection", None):
            connection.close()
            self._local.connection = None

    def request(self, method, path, body=None, headers=None):
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
            headers = {"Content-Type": "application/json", **(headers or {})}
        connection = self._connection()
        try:
            connection.request(method, path, body=body,
                               headers={**self.headers, **(headers or {})})
            response = connection.getresponse()
            answer = Answer(response.status, response.headers, response.read())
        except BaseException:
            connection.close()
            self._local.connection = None
            raise
        self._local.used = time.monotonic()
        return answer

    def get(self, path, headers=None):
        return self.request("GET", path, headers=headers)

    def post(self, path, body, headers=None):
        return self.request("POST", path, body, headers)

    def raw(self, data, method="POST"):
        """Sends these bytes on a connection of their own and reads one response."""
        with socket.create_connection((self.host, self.port), timeout=TIMEOUT_S) as sock:
            try:
                sock.sendall(data)
            except (BrokenPipeError, ConnectionResetError):
                pass  # refused before all was sent: the answer tells
            response = http.client.HTTPResponse(sock, method=method)
            response.begin()
            return Answer(response.status, response.headers, response.read())

    def raw_all(self, data):
        """Sends these bytes and answers everything that came until the server closed."""
        with socket.create_connection((self.host, self.port), timeout=TIMEOUT_S) as sock:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            chunks = []
            while chunk := sock.recv(65536):
                chunks.append(chunk)
            return b"".join(chunks)
