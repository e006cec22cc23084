"""What a storm is blown on: hubs on one database, Act-On in a process of its own, and what can be broken there."""

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from cryptography.fernet import Fernet
from psycopg import sql

from tests.act_on import Sandbox
from tests.chaos.clock import LIBRARIES, Clock
from tests.chaos.disk import Disk, small_disk
from tests.end_to_end.api import Hub
from tests.postgres import PostgresServer, postgres_server
from tests.running import RunningHub, running_hub
from tests.servers import database_on, redis_database_on

HUBS_ON_POSTGRES = 2
NO_CLOCK = "Debian's libfaketime is not there, so no clock can be set"
NO_DISK = "this machine lets nobody mount a small file system"
NO_RESTART = "the PostgreSQL server is not ours to stop"


@dataclass
class Machine:
    """`hubs` share one database. What cannot be broken here is None, and `left_out` says why."""

    hub: Hub
    hubs: list[RunningHub]
    clock: Clock | None
    disk: Disk | None
    postgres: PostgresServer | None
    left_out: list[str] = field(default_factory=list)

    @property
    def act_on(self) -> Sandbox:
        return self.hub.act_on

    @property
    def on_sqlite(self) -> bool:
        return self.hub.running.on_sqlite


@contextmanager
def machine(folder: Path, *, with_disk: bool = True) -> Iterator[Machine]:
    """On SQLite one hub, on PostgreSQL two with a server of their own; healthy. Nothing is left of them at the end.

    With CI=true everything can be broken, or the test fails.
    """
    with ExitStack() as stack:
        small = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos-")))
        small.chmod(0o755)  # PostgreSQL runs as another user
        on_sqlite = not os.environ.get("DATABASE_URL", "").startswith("postgres")
        own_server = not on_sqlite and "TEST_DATABASE_URL" not in os.environ
        disk = stack.enter_context(small_disk(small / "disk")) if with_disk and (on_sqlite or own_server) else None
        postgres = stack.enter_context(postgres_server()) if own_server else None
        if disk and postgres and postgres.system_user:
            disk.give_to(postgres.system_user)
        clock = Clock(small) if LIBRARIES else None
        left_out = [
            reason
            for reason, there in (
                (NO_CLOCK, clock), (NO_DISK, disk or not with_disk), (NO_RESTART, postgres or on_sqlite),
            )
            if not there
        ]  # fmt: skip
        if left_out and os.environ.get("CI") == "true":
            pytest.fail("; ".join(left_out))

        act_on = stack.enter_context(running_hub(folder / "act-on", DATABASE_URL="", REDIS_URL=""))
        env: dict[str, str] = {"SANDBOX_ENABLED": "false", "ACTON_API_URL": f"{act_on.url}/sandbox"}
        env |= {"SECRET_KEY": secrets.token_urlsafe(50), "ENCRYPTION_KEYS": Fernet.generate_key().decode()}
        env |= clock.env if clock else {}
        folders = [disk.path if disk else folder / "data"]
        if not on_sqlite:
            server = postgres.url if postgres else os.environ["DATABASE_URL"]
            env["DATABASE_URL"] = stack.enter_context(_database(server, disk))
            env["REDIS_URL"] = stack.enter_context(redis_database_on(os.environ["REDIS_URL"]))
            folders = [folder / f"data-{number}" for number in range(HUBS_ON_POSTGRES)]
        hubs = [stack.enter_context(running_hub(each, **env)) for each in folders]
        sandbox = Sandbox(f"{act_on.url}/sandbox")
        sandbox.account("PUT", body={"lists": 0, "contacts": 0})
        yield Machine(Hub(hubs[0], sandbox), hubs, clock, disk, postgres, left_out)


@contextmanager
def _database(server: str, disk: Disk | None) -> Iterator[str]:
    """A new database on that server, its tables on the small disk."""
    if disk is None:
        with database_on(server) as url:
            yield url
        return
    with closing(psycopg.connect(server, autocommit=True)) as connection:
        connection.execute(sql.SQL("CREATE TABLESPACE small LOCATION {}").format(sql.Literal(str(disk.path))))
        connection.execute("CREATE DATABASE hub TABLESPACE small")
    yield urlsplit(server)._replace(path="/hub").geturl()  # it ends with its server
