"""One attempt at a callback that is slow, endless, elsewhere or not who it says (CONTRACT §6)."""

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from acton_hub import outbound
from events import delivery
from events.delivery import Letter
from events.outbox import Outcome

SHORT_S = 0.4
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
Talk = Callable[[socket.socket], None]


@contextmanager
def callback(talk: Talk) -> Iterator[tuple[str, list[bytes]]]:
    """A server that reads the head of each request, then talks as told; yields its address and the heads."""
    heads: list[bytes] = []
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.1)

        def serve() -> None:
            while not over.is_set():
                try:
                    connection, _ = listening.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.settimeout(5)
                    try:
                        heads.append(connection.recv(65_536))
                        talk(connection)
                    except OSError:  # the hub hung up, as it should
                        continue

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/events", heads
        finally:
            over.set()
            thread.join()


def attempt(url: str) -> Outcome:
    with outbound.session() as session:
        return delivery.send(session, Letter(1, url, {"Content-Type": "application/json"}, b"{}", None))


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time-outs that a test can wait for."""
    assert (outbound.TIMEOUT_S, delivery.WHOLE_S) == ((5.0, 15.0), 20.0), "what the contract names"
    monkeypatch.setattr(outbound, "TIMEOUT_S", (SHORT_S, SHORT_S))
    monkeypatch.setattr(delivery, "WHOLE_S", 3 * SHORT_S)


def silent(connection: socket.socket) -> None:
    while connection.recv(65_536):
        pass


def silent_in_the_body(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"Content-Length: 9\r\n\r\nhalf")
    silent(connection)


def trickle(connection: socket.socket, first: bytes) -> None:
    connection.sendall(first)
    while True:
        connection.sendall(b"x")
        time.sleep(SHORT_S / 4)


def trickling_head(connection: socket.socket) -> None:
    trickle(connection, b"HTTP/1.1 200 OK\r\nX-Slow: ")


def trickling_body(connection: socket.socket) -> None:
    trickle(connection, HEAD + b"Content-Length: 100000\r\n\r\n")


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("talk", [silent, silent_in_the_body, trickling_head, trickling_body])
def test_what_takes_too_long_has_timed_out(talk: Talk) -> None:
    with callback(talk) as (url, _):
        outcome = attempt(url)
    assert outcome.timed_out
    assert not outcome.accepted
    assert "in time" in outcome.error


def test_a_long_answer_is_cut_at_64_kib_and_counts() -> None:
    with callback(lambda connection: connection.sendall(HEAD + b"\r\n" + b"x" * 200_000)) as (url, _):
        outcome = attempt(url)
    assert outcome.accepted
    assert outcome.response == "x" * 65_536


def test_an_answer_without_end_is_not_waited_for() -> None:
    def endless(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"\r\n")
        while True:
            connection.sendall(b"x" * 10_000)

    with callback(endless) as (url, _):
        assert attempt(url).accepted


def test_a_redirect_is_a_failure_and_nobody_goes_there() -> None:
    with callback(silent) as (elsewhere, visits):
        moved = f"HTTP/1.1 307 Moved\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n".encode()
        with callback(lambda connection: connection.sendall(moved)) as (url, heads):
            outcome = attempt(url)
    assert (outcome.status_code, outcome.accepted) == (307, False)
    assert (len(heads), visits) == (1, [])


def test_deliveries_to_one_host_share_a_connection() -> None:
    def twice(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"Content-Length: 2\r\n\r\nok")
        while b"POST" not in connection.recv(65_536):
            pass
        connection.sendall(HEAD + b"Content-Length: 2\r\n\r\nok")

    with callback(twice) as (url, heads), outbound.session() as session:
        letters = [Letter(number, url, {}, b"{}", None) for number in range(2)]
        assert [delivery.send(session, letter).accepted for letter in letters] == [True, True]
    assert len(heads) == 1


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(certificate),
         "-days", "1", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        port = listening.getsockname()[1]
        said: list[str] = []

        def serve() -> None:
            connection, _ = listening.accept()
            try:
                context.wrap_socket(connection, server_side=True).recv(1)
            except OSError as error:
                said.append(str(error))

        thread = threading.Thread(target=serve)
        thread.start()
        outcome = attempt(f"https://127.0.0.1:{port}/events")
        thread.join()
    assert outcome.status_code is None
    assert "SSLError" in outcome.error
    assert "UNKNOWN_CA" in said[0] or "unknown ca" in said[0]
