"""A real hub for tests: `manage.py start` on a free port and a folder of its own, looked at and ended through /proc."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

import psycopg
from redis import Redis

from tests import migrated
from tests.servers import database_on, redis_database_on

CHECKOUT = Path(__file__).resolve().parent.parent
HEALTHY_WITHIN_S = 60.0
POLL_S = 0.05
BANNER = "Ctrl-C stops the hub"
# Every process of a hub by the name that `ps -o comm` shows.
WHOLE = Counter(
    {
        "hub-start": 1, "hub-web": 1, "hub-web-serving": 1, "hub-worker": 1, "hub-dispatcher": 1, "hub-cluster": 1,
        "hub-sentinel": 1, "hub-task": 4, "hub-monitor": 1, "hub-pusher": 1,
    }
)  # fmt: skip
T = TypeVar("T")


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], T | None], within_s: float, what: str) -> T:
    """The first true value of `condition`. Raises AssertionError, naming `what`, when there is none in time."""
    deadline = time.monotonic() + within_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s:.0f} s: {what}")
        time.sleep(POLL_S)


class RunningHub:
    """`manage.py start` with an environment of its own; `env` may add to it or, with None, take away.

    Where the test run has DATABASE_URL or REDIS_URL, the hub has a database of its own on these servers, made when it
    first starts and dropped by `close`. With DATABASE_URL=None it is on SQLite, with REDIS_URL=None its queue is in a
    table, whatever the test run has.
    """

    settings = "acton_hub.settings_local"
    from_nothing = False  # True: with its first start's migrations; else its tables are there already, and empty

    def __init__(self, folder: Path, **env: str | None) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        mine = {
            "DATA_DIR": str(folder), "PORT": str(self.port), "PATH": os.environ["PATH"], "HOME": str(folder),
            "DATABASE_URL": "", "REDIS_URL": "",  # set to nothing, so that no .env comes in
        }  # fmt: skip
        self.env = {name: value for name, value in (mine | env).items() if value is not None}
        self.log = folder.with_name(f"{folder.name}.log")
        self._started: subprocess.Popen[bytes] | None = None
        self._on_servers = {"DATABASE_URL", "REDIS_URL"} - env.keys()
        self._of_its_own = ExitStack()

    @property
    def pid(self) -> int:
        assert self._started is not None, "the hub was not started"
        return self._started.pid

    def spawn(self) -> Self:
        """Start it, without waiting; what it prints goes to `log`."""
        self._take_databases()
        with self.log.open("ab") as log:
            self._started = subprocess.Popen(
                [sys.executable, "manage.py", "start", f"--settings={self.settings}"],
                cwd=CHECKOUT, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        return self

    def _take_databases(self) -> None:
        if not (self.from_nothing or (self.folder.exists() and any(self.folder.iterdir()))):
            migrated.copy_to(self.folder)
        for name, taken_on in (("DATABASE_URL", self._database_on), ("REDIS_URL", redis_database_on)):
            server = os.environ.get(name, "")
            if name in self._on_servers and server and not server.startswith("sqlite"):
                self.env[name] = self._of_its_own.enter_context(taken_on(server))
        self._on_servers = set()

    def _database_on(self, server: str) -> AbstractContextManager[str]:
        return database_on(server, template="" if self.from_nothing else migrated.database(server))

    def start(self) -> Self:
        """Start it, and wait until it says that it is healthy; from then on it replaces what dies."""
        said = self.output().count(BANNER)
        self.spawn()
        wait_until(
            lambda: self.output().count(BANNER) > said or self.exit_code() is not None,
            HEALTHY_WITHIN_S,
            "the hub is healthy",
        )
        assert self.exit_code() is None, f"the hub ended at once:\n{self.output()}"
        return self

    def exit_code(self) -> int | None:
        """The supervisor's exit code; none while it runs."""
        return self._started.poll() if self._started else None

    def output(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another `manage.py` command on the same data."""
        command = [sys.executable, "manage.py", *arguments, f"--settings={self.settings}"]
        return subprocess.run(
            command, cwd=CHECKOUT, env=self.env, capture_output=True, text=True, timeout=60, check=False
        )

    def get(self, path: str) -> tuple[int, Any]:
        """Status and JSON body; status 0 when nothing answers."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as answer:  # http, on this machine
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)
        except OSError:
            return 0, None

    def is_healthy(self) -> bool:
        return self.get("/healthz")[0] == 200

    @property
    def on_sqlite(self) -> bool:
        return not self.env.get("DATABASE_URL", "").startswith("postgres")

    def query(self, statement: str, *parameters: Any, database: str = "hub") -> list[Any]:
        """Rows of a database of the hub, read past the hub; places for parameters are question marks.

        On PostgreSQL there is but one database.
        """
        if not self.on_sqlite:
            text = statement.replace("%", "%%").replace("?", "%s").encode()
            with closing(psycopg.connect(self.env["DATABASE_URL"])) as hub:
                return hub.execute(text, parameters or None).fetchall()
        path = self.folder / f"{database}.sqlite3"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as connection:
            return connection.execute(statement, parameters).fetchall()

    def waiting_tasks(self) -> int:
        """How many tasks are in the queue that no worker has taken yet."""
        if url := self.env.get("REDIS_URL"):
            with closing(Redis.from_url(url)) as client:
                return int(client.llen("django_q:acton-hub:q"))
        return int(self.query("SELECT count(*) FROM django_q_ormq", database="queue")[0][0])

    def processes(self) -> dict[int, str]:
        """Every process of this hub, orphans too, by id: all that run with its DATA_DIR. Zombies do not count."""
        mark = f"DATA_DIR={self.folder}".encode()
        found = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found[int(entry.name)] = (entry / "comm").read_text().strip()
            except OSError:  # it ended meanwhile, or is another user's
                continue
        return found

    def named(self, name: str) -> list[int]:
        """The ids of the hub's processes with that name (see WHOLE), oldest first."""
        return sorted(pid for pid, found in self.processes().items() if found == name)

    def reader_of_the_queue(self) -> int | None:
        """The worker process that holds the internal queue's lock and waits in read(2); the others wait for the lock.

        Its death while idle is what leaves the lock held for ever (DESIGN, processes).
        """
        for pid in self.named("hub-task"):
            if "pipe" in Path(f"/proc/{pid}/wchan").read_text():
                return pid
        return None

    def is_whole(self) -> bool:
        """Whether exactly the processes of a hub are there, none missing, none left over."""
        return Counter(self.processes().values()) == WHOLE

    def stop(self, number: signal.Signals = signal.SIGTERM, within_s: float = 10.0) -> float:
        """Ask the supervisor to stop; returns after how many seconds the last process had ended."""
        began = time.monotonic()
        os.kill(self.pid, number)
        wait_until(lambda: self.exit_code() is not None and not self.processes(), within_s, "the hub has stopped")
        return time.monotonic() - began

    def kill(self) -> None:
        """SIGKILL to every process of the hub."""
        while left := self.processes():
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            self.exit_code()  # reaps
            time.sleep(POLL_S)
        if self._started:
            self._started.wait(10)

    def close(self) -> None:
        """Nothing of the hub is left: no process, no database on a server."""
        self.kill()
        self._of_its_own.close()


@contextmanager
def running_hub(folder: Path, **env: str | None) -> Iterator[RunningHub]:
    """A healthy hub on `folder`; nothing of it is left at the end."""
    hub = RunningHub(folder, **env)
    try:
        yield hub.start()
    finally:
        hub.close()
