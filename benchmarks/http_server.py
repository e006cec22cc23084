"""An HTTP server that costs little, so that what it is called by is measured and not the server."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Request:
    method: str
    target: str  # path and query
    headers: dict[str, str]  # names in lower case
    body: bytes
    host: str  # the address that was called


@dataclass(frozen=True)
class Response:
    body: bytes = b"{}"
    status: str = "200 OK"
    after_s: float = 0.0  # how long the caller waits for it
    headers: str = ""  # further header lines, each ended by CRLF


Answer = Callable[[Request], Response]


class _Connection(asyncio.Protocol):
    """One connection: requests one after the other, as HTTP/1.1 without pipelining has them."""

    def __init__(self, answer: Answer) -> None:
        self._answer, self._received = answer, b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, rest = self._received.partition(b"\r\n\r\n")
        if not separator:
            return
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        if len(rest) < length:
            return
        self._received = rest[length:]
        method, target, _ = first.split(" ")
        assert self._transport is not None
        host = self._transport.get_extra_info("sockname")[0]
        self._write(self._answer(Request(method, target, headers, rest[:length], host)))

    def _write(self, response: Response) -> None:
        head = f"HTTP/1.1 {response.status}\r\nContent-Length: {len(response.body)}\r\n{response.headers}\r\n"
        if response.after_s:
            asyncio.get_running_loop().call_later(response.after_s, self._send, head.encode() + response.body)
        else:
            self._send(head.encode() + response.body)

    def _send(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)


def serve(answer: Answer) -> None:
    """Serve on every address of this machine until standard input ends; the port is printed first."""
    asyncio.run(_serve(answer))


async def _serve(answer: Answer) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(answer), "0.0.0.0", 0, backlog=1024)  # noqa: S104
    print(server.sockets[0].getsockname()[1], flush=True)
    ended: Awaitable[str] = loop.run_in_executor(None, sys.stdin.read)
    await ended
