"""`manage.py start`: the web server and the worker as children of one supervisor."""

import http.client
import json
import signal
import socket
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from urllib.parse import urlsplit

from django.conf import settings

from accounts.bootstrap import Bootstrapped
from processes import children, supervision, web, worker
from processes.preparation import prepare

READY_WITHIN_S = 60.0
STOP_WITHIN_S = 9.5
ASK_S = 0.05  # between the first two questions whether the hub is healthy
LONGEST_ASK_S = 1.0
ANSWER_WITHIN_S = 2.0  # a connection to a web server that has died waits in the socket that is held here


def prepared() -> Bootstrapped:
    """Prepare in a process of its own: migrating fills memory that this one would keep as long as the hub runs."""
    with ProcessPoolExecutor(1, get_context("fork")) as apart:
        return apart.submit(prepare).result()


def members(listener: socket.socket) -> list[supervision.Child]:
    """The two children. The socket stays here, so that connections wait while a web server is started again.

    They are forked and share with this process what it has loaded.
    """
    return [
        supervision.Child(
            "web", lambda: children.fork(lambda: web.serve(listener.fileno()), "hub-web", signal.SIGTERM)
        ),
        supervision.Child("worker", lambda: children.fork(worker.work, "hub-worker", signal.SIGTERM)),
    ]


def health() -> list[str]:
    """Why the hub is not healthy; empty when it is."""
    address = urlsplit(settings.LOCAL_URL)
    connection = http.client.HTTPConnection(address.hostname or "127.0.0.1", address.port, timeout=ANSWER_WITHIN_S)
    try:
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        body = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        return [f"{settings.LOCAL_URL}/healthz does not answer: {error}"]
    finally:
        connection.close()
    if answer.status == http.HTTPStatus.OK:
        return []
    return [str(reason) for reason in body.get("reasons", [f"status {answer.status}"])]


class Stopped(Exception):
    """A signal asked to stop while the hub was starting."""


class Failed(Exception):
    """The web server ended before the hub was healthy; it has said why."""


def wait_until_healthy(running: list[supervision.Child]) -> list[str]:
    """Returns why the hub is not healthy after READY_WITHIN_S; empty as soon as it is. Raises Stopped, Failed."""
    deadline = time.monotonic() + READY_WITHIN_S
    pause_s = ASK_S
    while True:
        if children.await_signal(pause_s):
            raise Stopped
        pause_s = min(pause_s * 1.1, LONGEST_ASK_S)
        web = running[0]
        for child in running:
            child.look()
        if not web.pid:
            raise Failed
        reasons = health()
        if not reasons or time.monotonic() >= deadline:
            return reasons
