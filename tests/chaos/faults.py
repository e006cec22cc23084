"""Everything that can fail around a hub while its processes are killed."""

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from typing import Any

import psycopg

from tests.chaos.machine import Machine

HOUR_S = 3600
LOCKED = "database locked"  # a request waits it out, up to 20 s
# By name; Act-On's own count of calls tells afterwards which of them it met.
ACT_ON: dict[str, dict[str, Any]] = {
    "throttle": {"retry_after_s": 1},
    "error": {},
    "drop": {},
    "truncate": {},
    "html": {},
    "empty": {},
    "short_rows": {},
    "slow": {"delay_ms": 2000},
    "move_data": {"operations": {"change": {"1": {"Company": "moved"}}}},
    "expire_token": {},
}
CALLBACK: dict[str, dict[str, Any]] = {
    "fails": {"status": 500},
    "throttles": {"status": 429, "retry_after_s": 1},
    "is down": {"status": 503, "retry_after_s": 2},
    "redirects": {"location": "/elsewhere"},
    "drops": {"drop": True},
    "truncates": {"truncate": True},
    "is slow": {"delay_ms": 2500},
}
HANGS = {"hangs": {"delay_ms": 16_500}}  # past every time-out; for long storms
Around = Callable[[], AbstractContextManager[None]]


class Deck:
    """Names in random order, each once before any comes again; those in `most` only so many times."""

    def __init__(self, names: list[str], most: dict[str, int] | None = None) -> None:
        self._names, self._most = list(names), dict(most or {})
        self._left: list[str] = []

    def deal(self) -> str:
        if not self._left:
            self._left = random.sample(self._names, len(self._names))
        name = self._left.pop()
        if name in self._most:
            self._most[name] -= 1
            if not self._most[name]:
                self._names.remove(name)
        return name


def around(machine: Machine, lasts_s: float) -> dict[str, Around]:
    """What fails around the processes for as long as the block lasts, by name: database, disk, clock."""
    found: dict[str, Around] = {}
    if machine.on_sqlite:
        found[LOCKED] = lambda: _locked(machine, lasts_s)
    else:
        found["connections cut"] = lambda: _cut(machine)
    if machine.postgres:
        found["PostgreSQL restarted"] = lambda: _restarted(machine, lasts_s)
    if machine.disk:
        found["disk full"] = lambda: _full(machine, lasts_s)
    if machine.clock:
        found["clock an hour ahead"] = lambda: _set(machine, HOUR_S)
        found["clock an hour behind"] = lambda: _set(machine, -HOUR_S)
    return found


@contextmanager
def _locked(machine: Machine, lasts_s: float) -> Iterator[None]:
    path = machine.hub.running.folder / "hub.sqlite3"
    with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        time.sleep(lasts_s)
        connection.execute("ROLLBACK")


@contextmanager
def _cut(machine: Machine) -> Iterator[None]:
    with closing(psycopg.connect(machine.hub.running.env["DATABASE_URL"], autocommit=True)) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    yield


@contextmanager
def _restarted(machine: Machine, lasts_s: float) -> Iterator[None]:
    assert machine.postgres
    machine.postgres.stop()
    try:
        yield
        time.sleep(lasts_s)
    finally:
        machine.postgres.start()


@contextmanager
def _full(machine: Machine, lasts_s: float) -> Iterator[None]:
    assert machine.disk
    try:
        machine.disk.fill()
        yield
        time.sleep(lasts_s)
    finally:
        machine.disk.free()


@contextmanager
def _set(machine: Machine, ahead_s: int) -> Iterator[None]:
    assert machine.clock
    machine.clock.set(ahead_s)
    try:
        yield
        time.sleep(1.5)  # until every process has looked
    finally:
        machine.clock.set(0)
