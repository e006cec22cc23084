"""The web server: gunicorn with one process of 32 threads, on a socket that may outlive it."""

import logging
import os
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.db import close_old_connections
from gunicorn.app.base import BaseApplication

from accounts import audit
from acton_hub import queue, request_times
from acton_hub.kernel import die_with_parent, name_process
from processes import preloading

if TYPE_CHECKING:
    from acton_hub.wsgi import App

logger = logging.getLogger(__name__)
THREADS = 32
BACKLOG = 512  # connections that wait while all threads are busy, or while the server is started again
GRACE_S = 6  # for requests in hand, once asked to stop
WRITTEN_EVERY_S = 5.0


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises ImproperlyConfigured with one line when the address cannot be had."""
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError) as error:
        raise ImproperlyConfigured(f"HOST={host!r} cannot be used: {error}") from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise ImproperlyConfigured(f"PORT={port} on {host} cannot be used: {error.strerror}") from error
    return listener


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn on the listening socket with that file descriptor; nothing of it is read from files or environment."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        super().__init__()

    def load_config(self) -> None:
        for key, value in {
            "bind": f"fd://{self._descriptor}",
            "backlog": BACKLOG,
            "workers": 1,
            "preload_app": True,
            "worker_class": "gthread",
            "threads": THREADS,
            "timeout": 60,  # for the process, whose main thread has little to do; requests may take longer
            "graceful_timeout": GRACE_S,
            "keepalive": 15,
            "limit_request_line": 8190,
            "accesslog": None,
            "loglevel": "warning",
            "control_socket_disable": True,
            "post_fork": _begin_serving,
            "worker_exit": _end_serving,
        }.items():
            self.cfg.set(key, value)

    def load(self) -> "App":
        """In the master, for the process that serves to share it."""
        from acton_hub.wsgi import application

        preloading.load_views()
        return application


def _begin_serving(arbiter: Any, worker: Any) -> None:
    die_with_parent(worker.ppid)
    name_process("hub-web-serving")
    queue.gather_wake_ups()
    threading.Thread(target=_write_for_ever, name="writes what requests left", daemon=True).start()


def _end_serving(arbiter: Any, worker: Any) -> None:
    _write_down()


def _write_for_ever() -> None:
    while True:
        time.sleep(WRITTEN_EVERY_S)
        _write_down()
        close_old_connections()


def _write_down() -> None:
    """What requests left in memory: their times, and what the audit log could not take at once."""
    request_times.write()
    audit.write_waiting()


def serve(descriptor: int) -> None:
    """Serve until SIGTERM or SIGINT; ends the process."""
    name_process("hub-web")
    signal.pthread_sigmask(signal.SIG_SETMASK, set())
    os.environ.pop("LISTEN_FDS", None)  # of whatever supervises this process; gunicorn would take it for its own
    Server(descriptor).run()
