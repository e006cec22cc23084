"""A PostgreSQL server of a test's own, that may go away and come back."""

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

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
        self.system_user: str | None = self._server.system_user  # whose files it can read; none: the test's own

    def start(self) -> None:
        self._server.ensure_postgres_running()

    def stop(self) -> None:
        """As a crash would: without a word to its clients."""
        self._pg_ctl(["-m", "immediate", "-w", "stop"], pgdata=self._server.pgdata, user=self._server.system_user)

    def close(self) -> None:
        self._server.cleanup()


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A server that ends with the block; where there is no wheel the test is skipped, with CI=true failed."""
    need_wheel("pgserver")
    # A socket's path has little room, and the server runs as another user where the tests run as root.
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        server = PostgresServer(Path(folder))
        try:
            yield server
        finally:
            server.close()
