"""What the rows are measured on: a running hub, with a callback and an Act-On beside it, each in its own process."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import requests

from tests.running import CHECKOUT, RunningHub
from tests.servers import database_on, redis_database_on

SETTINGS = "benchmarks.settings"


@dataclass(frozen=True)
class Server:
    """One of the servers of this package, in its own process."""

    url: str
    port: int

    def get(self, path: str) -> Any:
        return requests.get(self.url + path, timeout=60).json()

    def post(self, path: str, body: Any = None) -> None:
        requests.post(self.url + path, json=body, timeout=60).raise_for_status()


@contextmanager
def server(module: str) -> Iterator[Server]:
    command = [sys.executable, "-m", f"benchmarks.{module}"]
    with subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        port = int(process.stdout.readline())
        try:
            yield Server(f"http://127.0.0.1:{port}", port)
        finally:
            process.stdin.close()


class Seeder:
    """A process that makes rows beside a hub, for as long as the hub runs; it starts when it is needed."""

    def __init__(self, hub: RunningHub) -> None:
        self._env = hub.env | {"DJANGO_SETTINGS_MODULE": SETTINGS}

    @cached_property
    def _process(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "benchmarks.seed"], cwd=CHECKOUT, env=self._env, text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )  # fmt: skip

    def call(self, what: str, values: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([what, values]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"seeding {what} failed"
        return json.loads(answer)

    def close(self) -> None:
        if "_process" in self.__dict__:
            self._process.communicate()


@dataclass
class Stage:
    folder: Path
    hub: RunningHub
    receiver: Server
    act_on: Server
    quick: bool
    rounds: int

    seeder: Seeder

    def seed(self, what: str, **values: Any) -> Any:
        """Call `benchmarks.seed.<what>` beside the hub, with its settings; returns what it returns."""
        return self.seeder.call(what, values)

    def get(self, path: str) -> requests.Response:
        response = requests.get(self.hub.url + path, headers=self.header, timeout=60)
        assert response.status_code == 200, response.text
        return response

    @cached_property
    def header(self) -> dict[str, str]:
        """The Authorization header of the hub's first user."""
        return {"Authorization": self.hub.manage("credentials", "--header").stdout.strip()}


@contextmanager
def stage(folder: Path, env: dict[str, str | None], *, quick: bool, rounds: int) -> Iterator[Stage]:
    """`env` is added to the hub's environment."""
    with ExitStack() as stack:
        receiver = stack.enter_context(server("receiver"))
        act_on = stack.enter_context(server("act_on"))
        RunningHub.settings = SETTINGS
        hub = RunningHub(folder / "data", ACTON_API_URL=act_on.url, **env)
        stack.callback(hub.close)
        with closing(Seeder(hub)) as seeder:
            yield Stage(folder, hub.start(), receiver, act_on, quick, rounds, seeder)


@contextmanager
def another_hub(first: Stage, name: str, **more: str) -> Iterator[Stage]:
    """One more hub, with data of its own on the same servers."""
    with ExitStack() as stack:
        env: dict[str, str | None] = {
            "DATABASE_URL": None,
            "REDIS_URL": None,
            "ACTON_API_URL": first.act_on.url,
            **more,
        }
        if not first.hub.on_sqlite:
            env["DATABASE_URL"] = stack.enter_context(database_on(first.hub.env["DATABASE_URL"]))
            env["REDIS_URL"] = stack.enter_context(redis_database_on(first.hub.env["REDIS_URL"]))
        hub = RunningHub(first.folder / name, **env)
        stack.callback(hub.close)
        with closing(Seeder(hub)) as seeder:
            yield Stage(first.folder, hub.start(), first.receiver, first.act_on, first.quick, first.rounds, seeder)
