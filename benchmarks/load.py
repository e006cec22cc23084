"""Requests over kept connections, by a client that costs little: what it costs falls on product and floor alike."""

import socket
import threading
import time
from urllib.parse import urlsplit

from benchmarks.figures import rate

THREADS = 4


def packet(method: str, url: str, headers: dict[str, str] | None = None, body: bytes = b"") -> bytes:
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    lines = {"Host": parts.netloc, "Content-Length": str(len(body))} | (headers or {})
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode() + body


class Client:
    """One kept connection."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname or "", parts.port or 80), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def call(self, request: bytes) -> tuple[dict[str, str], bytes]:
        """Headers (lower case) and body of the answer, which must be a 200."""
        self._socket.sendall(request)
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._more()
        head, _, body = received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        assert " 200 " in f"{first} ", head.decode("latin-1") + body.decode("utf-8", "replace")[:500]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if "content-length" in headers:
            while len(body) < int(headers["content-length"]):
                body += self._more()
        else:
            while not body.endswith(b"0\r\n\r\n"):
                body += self._more()
        return headers, body

    def _more(self) -> bytes:
        data = self._socket.recv(1 << 20)
        assert data, "the server hung up"
        return data

    def close(self) -> None:
        self._socket.close()


def calls_a_second(url: str, request: bytes, seconds: float) -> float:
    """Of a few threads that call again as soon as they are answered."""
    counts = [0] * THREADS
    until = time.perf_counter() + seconds

    def work(number: int) -> None:
        client = Client(url)
        while time.perf_counter() < until:
            client.call(request)
            counts[number] += 1
        client.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return rate(sum(counts), seconds)


def durations(url: str, request: bytes, count: int) -> list[float]:
    """Seconds of each of so many calls, one after another."""
    client = Client(url)
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        client.call(request)
        taken.append(time.perf_counter() - began)
    client.close()
    return taken
