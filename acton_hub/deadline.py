"""A limit on a whole answer: time-outs of sockets only limit the pause between two bytes, and a host may trickle."""

import http.client
import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from requests.exceptions import RequestException, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ReadTimeoutError

_local = threading.local()


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """What this thread reads through POOLS inside the block must be there after so many seconds, or it times out."""
    _local.until = time.monotonic() + seconds
    try:
        yield
    finally:
        _local.until = None


def is_timeout(error: RequestException) -> bool:
    """Whether it took too long, while connecting, before the answer, or in the middle of its body."""
    return isinstance(error, Timeout) or any(isinstance(each, ReadTimeoutError) for each in error.args)


class _Reader(io.RawIOBase):
    """Reads a socket, and waits no longer than the thread's deadline."""

    def __init__(self, connection: Any) -> None:
        self._connection, self._raw = connection, connection.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        until = getattr(_local, "until", None)
        if until is not None:
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError("the whole answer took too long")
            between = self._connection.gettimeout()
            self._connection.settimeout(left if between is None else min(between, left))
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Readable:
    """What `http.client` wants of a socket: a file."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self._connection))


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: Any, *args: Any, **more: Any) -> None:
        super().__init__(_Readable(sock), *args, **more)  # type: ignore[arg-type]


class _Plain(HTTPConnection):
    response_class = _Response


class _Encrypted(HTTPSConnection):
    response_class = _Response


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _EncryptedPool(HTTPSConnectionPool):
    ConnectionCls = _Encrypted


POOLS = {"http": _PlainPool, "https": _EncryptedPool}
