"""Answers that no web framework gives: a dropped connection, a body cut short, a clock that is wrong.

They need the client's socket, which gunicorn hands on in `gunicorn.socket`; Django's development server keeps it
behind its input stream. Where there is none (Django's test client), a dropped connection becomes an answer whose
body is shorter than its Content-Length.
"""

import contextlib
import os
import socket

from django.http import HttpRequest, HttpResponse
from django.utils.http import http_date

DROPPED = 0  # stands for a status in the log


def _client_socket(request: HttpRequest) -> socket.socket | None:
    """A handle of the connection that the request came on; closing it leaves the server's own handle alone."""
    connection = request.META.get("gunicorn.socket")
    if isinstance(connection, socket.socket):
        return socket.socket(fileno=os.dup(connection.fileno()))
    read = getattr(request.META.get("wsgi.input"), "_read", None)  # LimitedStream keeps the bound method only
    raw = getattr(getattr(read, "__self__", None), "raw", None)
    if isinstance(raw, socket.SocketIO):
        return socket.socket(fileno=os.dup(raw.fileno()))
    return None


def drop(request: HttpRequest) -> HttpResponse:
    """Close the connection without an answer."""
    _read_body(request)
    connection = _client_socket(request)
    if connection is None:
        response = HttpResponse(b"", content_type="application/json")
        response.headers["Content-Length"] = "1000"
        return response
    with connection, contextlib.suppress(OSError):  # the client may be gone already, which is what is wanted
        connection.shutdown(socket.SHUT_RDWR)
    return HttpResponse(status=500)  # the server finds the connection closed and sends nothing of it


def truncate(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Announce the whole body, send half of it, and close the connection."""
    whole = response.content
    response.content = whole[: len(whole) // 2]
    response.headers["Content-Length"] = str(max(len(whole), 1))
    _send_at_once(request, response)
    return response


def set_date(request: HttpRequest, response: HttpResponse, now_ms: int, *, shifted: bool) -> None:
    """Give the answer a `Date` of its own. gunicorn always adds the true one, so a shifted one goes around it."""
    if "gunicorn.socket" in request.META and not shifted:
        return
    response.headers["Date"] = http_date(now_ms / 1000)
    if shifted and "gunicorn.socket" in request.META:
        response.headers.setdefault("Content-Length", str(len(response.content)))
        _send_at_once(request, response)


def _send_at_once(request: HttpRequest, response: HttpResponse) -> None:
    """Write the answer to the client's socket, if there is one, and close it for the server's own answer."""
    _read_body(request)
    connection = _client_socket(request)
    if connection is None:
        return
    lines = [f"HTTP/1.1 {response.status_code} {response.reason_phrase}"]
    lines += [f"{name}: {value}" for name, value in response.headers.items()] + ["Connection: close", "", ""]
    with connection, contextlib.suppress(OSError):  # a client that went away gets nothing, as from any server
        connection.sendall("\r\n".join(lines).encode("latin-1") + response.content)
        connection.shutdown(socket.SHUT_WR)


def _read_body(request: HttpRequest) -> None:
    """What is left unread would turn the end of the connection into a reset that destroys what was sent."""
    len(request.body)
