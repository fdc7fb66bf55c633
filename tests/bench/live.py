"""From PostgreSQL's commit to subscribers of the event's live channel, through the gateway."""

import re
import resource
import select
import socket
import threading
import time

from cpu import children
from seatline import resident_kb
from support.wait import wait_for
from support.web import Client

SUBSCRIBERS = (100, 5000)
QUICK_SUBSCRIBERS = (20, 100)
MESSAGES, QUICK_MESSAGES = 20, 3
SEATS = 100
PAUSE_S = 0.2   # each message is delivered before the next
WITHIN_S = 20
FILES_BESIDE = 500
READ_BYTES = 65536
WAIT_S = 0.05
VERSION = re.compile(rb'"version":(\d+)')


def run(bench):
    seatline = bench.seatline
    seatline.rest()
    for asked, count in zip(SUBSCRIBERS, QUICK_SUBSCRIBERS if bench.quick else SUBSCRIBERS):
        late = sorted(lateness(bench, asked, count))
        for part in (50, 99):
            bench.figures.add(f"live.{asked}.p{part}", late[len(late) * part // 100], "ms")


def gateway_kb(seatline):
    return sum(map(resident_kb, children(seatline["nginx"].pid)))


def lateness(bench, asked, count):
    """Milliseconds from commit to arrival, of each message at each subscriber."""
    seatline, event = bench.seatline, bench.fresh_name("live")
    seatline.add_events([event], SEATS)
    seatline.wait_maps([event], SEATS)
    messages = QUICK_MESSAGES if bench.quick else MESSAGES
    writer, before = Client(seatline.write_port), gateway_kb(seatline)
    with Audience(seatline.gateway_port, event, count) as audience:
        bench.figures.add(f"live.{asked}.memory", (gateway_kb(seatline) - before) / count, "KB")
        with bench.cpu(f"live.{asked}") as cpu:
            cpu.operations = messages * count
            for number in range(1, messages + 1):
                answer = writer.post("/api/book", {"userId": "u1", "eventId": event,
                                                   "seatId": f"S{number}"})
                assert answer.status == 202, answer
                time.sleep(PAUSE_S)
            wait_for(lambda: len(audience.arrivals()) >= messages * count, WITHIN_S,
                     f"{messages} messages have come to {count} subscribers")
    decided = seatline.pg_rows("SELECT extract(epoch FROM decided_at)::float8 FROM booking_log"
                               " WHERE event_id = %s ORDER BY seq", event)
    return [(at - decided[version - 1][0]) * 1000 for version, at in audience.arrivals()]


class Audience:
    """EventSource clients on one thread; what they read is looked at afterwards."""

    def __init__(self, port, event, count):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count + FILES_BESIDE, most), most))
        self.port, self.count = port, count
        self.request = (f"GET /api/events/{event}/live HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
                        "Accept: text/event-stream\r\n\r\n").encode()
        self.poll, self.sockets = select.epoll(), {}
        self.read, self.over = [], False
        self.thread = threading.Thread(target=self.listen)

    def __enter__(self):
        for _ in range(self.count):
            sock = socket.create_connection(("127.0.0.1", self.port), WITHIN_S)
            sock.sendall(self.request)
            self.sockets[sock.fileno()] = sock
        for sock in self.sockets.values():
            assert b" 200 " in sock.recv(READ_BYTES).split(b"\r\n", 1)[0]
            sock.setblocking(False)
            self.poll.register(sock, select.EPOLLIN)
        self.thread.start()
        return self

    def listen(self):
        while not self.over:
            for number, _ in self.poll.poll(WAIT_S):
                data = self.sockets[number].recv(READ_BYTES)
                self.read.append((time.time(), data))

    def arrivals(self):
        """(version, Unix seconds) of each message: one is a single write, far below a packet."""
        return [(int(found), at) for at, data in list(self.read)
                for found in VERSION.findall(data)]

    def __exit__(self, *_):
        self.over = True
        self.thread.join(WITHIN_S)
        for sock in self.sockets.values():
            sock.close()
        self.poll.close()
