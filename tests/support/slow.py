"""Clients that keep the gateway busy by being slow: heads and bodies that trickle in, answers that
are hardly read, connections that say nothing. One that is closed comes again at once."""

import itertools
import random
import socket
import threading
import time

BYTES = b"GET /api/events HTTP/1.1\r\nHost: x\r\n" + b"X-Slow: and so on\r\n" * 200
HEAD = (b"POST /api/book HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: 16000\r\n\r\n")
ASKED = b"GET %s HTTP/1.1\r\nHost: x\r\nCache-Control: no-cache\r\n\r\n"
TRICKLE_S = 1  # between two bytes of one client
RECEIVED = 4096  # the receive buffer of one that hardly reads
CONNECT_S = 20


class Client:
    def __init__(self, port, address, first, trickle, reads):
        self.trickle, self.reads, self.sent = trickle, reads, 0
        self.sock = socket.socket()
        if reads:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVED)
        self.sock.settimeout(CONNECT_S)
        self.sock.bind((address, 0))
        self.sock.connect(("127.0.0.1", port))
        self.sock.sendall(first)
        self.sock.setblocking(False)
        self.due = time.monotonic() + random.random() * TRICKLE_S

    def turn(self):
        """One byte more, or less; False: the gateway has closed it."""
        self.due += TRICKLE_S
        try:
            if self.reads:
                return len(self.sock.recv(1)) == 1
            if self.trickle:
                self.sock.send(self.trickle[self.sent:self.sent + 1] or b"x")
                self.sent += 1
            return self.sock.recv(4096) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False


class SlowClients:
    """`count` of them, of four kinds, while it lasts. `came_again`: how often one was closed."""

    def __init__(self, port, count, big_path, address="127.0.0.9"):
        self.port, self.count, self.address = port, count, address
        self.kinds = itertools.cycle([
            (b"", BYTES, False), (HEAD, b"x" * 16000, False), (b"", b"", False),
            (ASKED % big_path.encode(), b"", True)])
        self.came_again = 0
        self.clients = []

    def __enter__(self):
        self.clients = [(kind, self._new(kind)) for kind in itertools.islice(
            self.kinds, self.count)]
        self.end = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        self.thread.join()
        for _, client in self.clients:
            client.sock.close()

    def _new(self, kind):
        return Client(self.port, self.address, *kind)

    def _run(self):
        while not self.end.wait(0.02):
            now = time.monotonic()
            for i, (kind, client) in enumerate(self.clients):
                if client.due <= now and not client.turn():
                    client.sock.close()
                    self.clients[i] = kind, self._new(kind)
                    self.came_again += 1
