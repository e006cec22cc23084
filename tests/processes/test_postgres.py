"""The hub on PostgreSQL, which may be away for a while."""

import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.running import RunningHub, wait_until
from tests.servers import need_wheel


class PostgresServer:
    """A server of its own, out of a wheel, on a socket in its folder."""

    def __init__(self, folder: Path) -> None:
        (folder / "runtime").mkdir(mode=0o700)
        os.environ.setdefault("XDG_RUNTIME_DIR", str(folder / "runtime"))  # the wheel asks when it is imported
        logging.getLogger("pgserver").setLevel(logging.WARNING)  # it still talks when the log is closed
        pgserver: Any = import_module("pgserver")
        self._pg_ctl = pgserver.pg_ctl
        self._server: Any = pgserver.get_server(folder / "postgres", cleanup_mode="stop")
        self.url = str(self._server.get_uri())

    def start(self) -> None:
        self._server.ensure_postgres_running()

    def stop(self) -> None:
        self._pg_ctl(["-m", "immediate", "-w", "stop"], pgdata=self._server.pgdata, user=self._server.system_user)

    def close(self) -> None:
        self._server.cleanup()


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    need_wheel("pgserver")
    # A socket's path has little room, and the server runs as another user where the tests run as root.
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        server = PostgresServer(Path(folder))
        yield server
        server.close()


def test_a_postgres_that_went_away_and_came_back_needs_no_restart(
    new_hub: Callable[..., RunningHub], postgres: PostgresServer
) -> None:
    hub = new_hub(DATABASE_URL=postgres.url).start()
    wait_until(hub.is_whole, 10, "all processes")
    before = hub.processes()
    postgres.stop()
    wait_until(lambda: OUTAGE in (hub.get("/healthz")[1] or {}).get("reasons", []), 10, "the outage shows")
    wait_until(lambda: "dispatcher failed again_in_s=4" in hub.output(), 20, "it lasts a while")
    assert hub.processes() == before
    postgres.start()
    wait_until(hub.is_healthy, 30, "healthy again")
    assert hub.processes() == before
    hub.stop()


OUTAGE = "the database does not answer"
