"""Kafka behind TLS: a program trusts the authority it is told, and nobody else."""

import contextlib
import socket
import ssl
import subprocess
import threading

import pytest

from support.beside import environment, running
from support.stack import KAFKA_PROXIES
from support.wait import wait_for

LISTENER = 94  # of the stack's base: what it tells clients is the first of KAFKA_PROXIES
PART_BYTES_MAX = 1 << 16


def certificate(directory, name, *names):
    """A file with a key and what it signed itself."""
    path = directory / name
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext",
         f"subjectAltName={','.join(names)}", "-keyout", path, "-out", f"{path}.crt"],
        check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    path.write_text(path.read_text() + (directory / f"{name}.crt").read_text())
    return path


def pump(source, sink):
    with contextlib.suppress(OSError):
        while part := source.recv(PART_BYTES_MAX):
            sink.sendall(part)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def tls_before(port, target, chain):
    """Whoever speaks TLS to the port is led on to the target."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)

    def serve(plain):
        with contextlib.suppress(OSError), context.wrap_socket(plain, server_side=True) as client:
            with socket.create_connection(("127.0.0.1", target), timeout=10) as server:
                server.settimeout(None)
                back = threading.Thread(target=pump, args=(server, client), daemon=True)
                back.start()
                pump(client, server)
                back.join()

    def accept():
        with contextlib.suppress(OSError):
            while True:
                plain, _ = listener.accept()
                threading.Thread(target=serve, args=(plain,), daemon=True).start()

    with socket.create_server(("127.0.0.1", port)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield
        listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def kafka_tls(stack, tmp_path):
    """Answers the settings of who trusts it."""
    chain = certificate(tmp_path, "kafka", "IP:127.0.0.1")
    port = stack.base + KAFKA_PROXIES[0]
    with tls_before(port, stack.base + LISTENER, chain):
        yield {"KAFKA_BROKERS": f"127.0.0.1:{port}", "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
               "KAFKA_CA_FILE": f"{chain}.crt"}


@pytest.mark.parametrize("program", ["write-api", "worker"])
def test_it_is_ready_with_kafka_behind_tls(stack, kafka_tls, tmp_path, program):
    with running(stack, program, tmp_path / "log", **kafka_tls) as ops:
        wait_for(lambda: ops.get("/readyz").status == 200, 20, "it is ready")


@pytest.mark.parametrize("trusted", ["another", ""])
def test_it_tells_its_password_to_nobody_it_does_not_trust(stack, kafka_tls, tmp_path, trusted):
    log = tmp_path / "log"
    other = f"{certificate(tmp_path, trusted, 'IP:127.0.0.1')}.crt" if trusted else ""
    with running(stack, "write-api", log, **{**kafka_tls, "KAFKA_CA_FILE": other}) as ops:
        wait_for(lambda: "certificate verify failed" in log.read_text(), 20, "it says why")
        wait_for(lambda: ops.get("/readyz").status == 503, 20, "it is not ready")


def test_a_certificate_is_for_its_names_only(stack, tmp_path):
    log, port = tmp_path / "log", stack.base + KAFKA_PROXIES[1]
    chain = certificate(tmp_path, "elsewhere", "DNS:elsewhere.example")
    with tls_before(port, stack.base + LISTENER, chain):
        settings = {"KAFKA_BROKERS": f"127.0.0.1:{port}", "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
                    "KAFKA_CA_FILE": f"{chain}.crt"}
        with running(stack, "write-api", log, **settings) as ops:
            wait_for(lambda: "certificate verify failed" in log.read_text(), 20, "it says why")
            wait_for(lambda: ops.get("/readyz").status == 503, 20, "it is not ready")


def test_an_authority_that_is_no_file_is_refused(stack, kafka_tls):
    settings = {**kafka_tls, "KAFKA_CA_FILE": "/nowhere.pem"}
    done = stack.program("write-api", env=environment(stack, "write-api", **settings))
    assert done.returncode != 0
    assert "ssl.ca.location" in done.stderr
