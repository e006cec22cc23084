"""A request whose sender dies in the middle of it."""

import socket
from urllib.parse import urlsplit


def cut_short(url: str, headers: dict[str, str], body: str, announced: int) -> str:
    """POST `body` under a larger Content-Length, then end the sending side; returns the first line of the answer."""
    parts = urlsplit(url)
    head = {"Host": parts.netloc, "Content-Length": str(announced), "Connection": "close"} | headers
    lines = [f"POST {parts.path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", body]
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as connection:
        connection.sendall("\r\n".join(lines).encode())
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile() as answer:
            return answer.readline().strip()
