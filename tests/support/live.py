"""Subscribers of an event's live channel: EventSource read as raw HTTP, and WebSocket."""

import http.client
import json
import queue
import socket
import threading
from dataclasses import dataclass

import websocket

OPEN_S = 10
SILENCE_S = 120  # longest silence a reader thread sits through


@dataclass
class Message:
    id: str
    data: dict


class EventSource:
    """Connected, and known to the server, once the constructor returns."""

    def __init__(self, port, event_id, last_event_id=None):
        headers = {"Accept": "text/event-stream"}
        if last_event_id is not None:
            headers["Last-Event-ID"] = last_event_id
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=OPEN_S)
        self._connection.request("GET", f"/api/events/{event_id}/live", headers=headers)
        self.response = self._connection.getresponse()
        assert self.response.status == 200, (self.response.status, self.response.read(500))
        self._sock = self._connection.sock or self.response.fp.raw._sock
        self._sock.settimeout(SILENCE_S)
        self._messages = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        event_id, data = None, []
        try:
            while line := self.response.readline():
                text = line.decode().rstrip("\r\n")
                if not text:
                    if data:
                        self._messages.put(Message(event_id, json.loads("\n".join(data))))
                    data = []
                    continue
                field, _, value = text.partition(":")
                value = value.removeprefix(" ")
                if field == "id":
                    event_id = value
                elif field == "data":
                    data.append(value)
        except (OSError, http.client.HTTPException, ValueError, AttributeError):
            pass  # closed under the reader
        self._messages.put(None)

    def next(self, within):
        """The next message, or None when none came."""
        try:
            return self._messages.get(timeout=within)
        except queue.Empty:
            return None

    def close(self):
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._reader.join(OPEN_S)
        self._connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def open_websocket(port, event_id):
    return websocket.create_connection(
        f"ws://127.0.0.1:{port}/api/events/{event_id}/live",
        timeout=OPEN_S,
        http_no_proxy=["*"],
    )
