"""The gateway with other settings for a while, and answers of it that no HTTP client would read."""

import contextlib
import copy
import http.client
import socket
import ssl

from support.web import TIMEOUT_S, Answer

# What the suites' stacks have; an empty variable would mean "as the last time".
USUAL = {"CORS_ORIGINS": "none", "SEATLINE_TLS": "0", "TRUSTED_PROXIES": "none",
         "ADDRESS_CONNECTIONS_MAX": "0", "RATE_BOOKINGS_PER_MIN": "0", "RATE_LISTS_PER_MIN": "0",
         "RATE_AUTH_PER_MIN": "0"}


@contextlib.contextmanager
def gateway_with(stack, **settings):
    """Only nginx has them: the programs run on."""
    def anew(environment):
        other = copy.copy(stack)
        other.env = {**stack.env, **USUAL, **environment}
        stack.script("stop", "nginx")
        other.script("up", "nginx")
        stack.web.forget()

    try:
        anew(settings)
        yield
    finally:
        anew({})


class Address:
    """A client at another address of this machine."""

    def __init__(self, port, address):
        self.port, self.address = port, address

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), TIMEOUT_S, (self.address, 0))

    def request(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=TIMEOUT_S, source_address=(self.address, 0))
        with contextlib.closing(connection):
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())


def head_of(port, path, headers):
    """Of an answer that does not end."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    with contextlib.closing(connection):
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return Answer(response.status, response.headers, b"")


def https(port, certificate, method="GET", path="/healthz", headers=None):
    """Asked by somebody who trusts this certificate, and nobody else."""
    context = ssl.create_default_context(cafile=certificate)
    connection = http.client.HTTPSConnection("localhost", port, timeout=TIMEOUT_S, context=context)
    with contextlib.closing(connection):
        connection.request(method, path, headers=headers or {})
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
