"""Contacts change while processes are killed and everything around the hub fails; then what arrived is counted."""

import os
import random
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field

import psycopg
import requests

from tests.end_to_end.api import Hub
from tests.running import wait_until

EVERYTHING = "everything"
VICTIMS = [
    EVERYTHING, "hub-web", "hub-web-serving", "hub-worker", "hub-dispatcher", "hub-cluster", "hub-sentinel", "hub-task",
    "hub-monitor", "hub-pusher",
]  # fmt: skip
ACT_ON = [
    {"kind": "throttle", "times": 3, "retry_after_s": 1},
    {"kind": "error", "times": 3},
    {"kind": "drop", "times": 3},
    {"kind": "truncate", "times": 3},
    {"kind": "html", "times": 2},
    {"kind": "empty", "times": 2},
    {"kind": "short_rows", "times": 2},
    {"kind": "expire_token", "times": 1},
    {"kind": "slow", "times": 5, "delay_ms": 3000},
]
CALLBACK = [
    {"status": 500}, {"status": 429, "retry_after_s": 2}, {"status": 302, "location": "/elsewhere"}, {"drop": True},
    {"delay_ms": 2500},
]  # fmt: skip
FAILS_S = 2.0
INBOX = "first"


@dataclass
class Storm:
    """What is done to a hub whose sandbox is in another process: `kills` kills, a fault between each two of them."""

    hub: Hub
    kills: int
    lists: int
    contacts: int
    locked_s: float = 10.0
    done: Counter[str] = field(default_factory=Counter)
    changed: set[str] = field(default_factory=set)

    def blow(self) -> None:
        """All of it, until every change has arrived. Raises AssertionError where that does not come."""
        act_on = self.hub.act_on
        each = self.contacts // self.lists
        lists = [
            act_on.account("POST", "/lists", {"name": f"List {number}", "contacts": each})["id"]
            for number in range(self.lists)
        ]
        instance = self.hub.create(**{"event.poller.refresh_interval": "1"})
        left = [(where, record) for where in lists for record in range(1, each + 1)]
        random.shuffle(left)
        victims = [VICTIMS[number % len(VICTIMS)] for number in range(self.kills)]
        random.shuffle(victims)
        size = len(left) // self.kills
        for number, victim in enumerate(victims):
            now, left = left[:size], left[size:]
            self._change(now if number < self.kills - 1 else now + left)
            wait_until(lambda: self._poll_now(instance), 120, "the web server takes a poll")
            time.sleep(random.uniform(0, 1.5))
            random.choice([self._at_act_on, self._at_the_callback, self._at_the_database])()
            self._kill(victim)
        self._calm(instance)

    def _change(self, contacts: list[tuple[str, int]]) -> None:
        for where in {where for where, _ in contacts}:
            records = {str(record): {"Company": "changed"} for list_id, record in contacts if list_id == where}
            self.hub.act_on.account("PATCH", f"/lists/{where}/contacts", {"changes": records})
        self.changed |= {f"{where}:{record}" for where, record in contacts}

    def _poll_now(self, instance: int) -> bool:
        """Whether the web server took it: 409 says that a poll is running, or rests."""
        try:
            return self.hub.call("POST", f"/instances/{instance}/poll").status_code in (200, 409)
        except requests.RequestException:  # it went down with the request in hand
            return False

    def _at_act_on(self) -> None:
        self.hub.act_on.account("POST", "/faults", random.choice(ACT_ON))
        self.done["faults of Act-On"] += 1

    def _at_the_callback(self) -> None:
        self.hub.act_on.call("PUT", f"/control/inboxes/{INBOX}", {"fault": random.choice(CALLBACK)})
        time.sleep(FAILS_S)
        self.hub.act_on.call("PUT", f"/control/inboxes/{INBOX}", {"fault": None})
        self.done["faults of the callback"] += 1

    def _at_the_database(self) -> None:
        """SQLite: locked by another process for a while. PostgreSQL: all of the hub's connections are cut."""
        running = self.hub.running
        if running.on_sqlite:
            path = running.folder / "hub.sqlite3"
            with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as connection:
                connection.execute("BEGIN EXCLUSIVE")
                time.sleep(self.locked_s)
                connection.execute("ROLLBACK")
        else:
            with closing(psycopg.connect(running.env["DATABASE_URL"], autocommit=True)) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
        self.done["faults of the database"] += 1

    def _kill(self, victim: str) -> None:
        running = self.hub.running
        if victim == EVERYTHING:
            running.kill()
            running.start()
        else:
            pid = wait_until(lambda: running.named(victim), 60, f"there is a {victim}")[0]
            with suppress(ProcessLookupError):  # it ended with the one that was killed before
                os.kill(pid, signal.SIGKILL)
        self.done["kills"] += 1

    def _calm(self, instance: int) -> None:
        self.hub.act_on.account("DELETE", "/faults")
        wait_until(lambda: self._poll_now(instance), 120, "the web server takes a poll")
        wait_until(lambda: self.arrived() >= self.changed, 600, "every change arrives")
        for what, statement in NOTHING_LEFT.items():
            wait_until(self._none(statement), 180, what)

    def _none(self, statement: str) -> Callable[[], bool]:
        return lambda: not self.hub.running.query(statement)[0][0]

    def arrived(self) -> set[str]:
        return {entry["objectId"] for entry in self.hub.act_on.delivered(INBOX)}

    def doubled(self) -> int:
        """Changes that came in more than one notification, and notifications that came again as something else."""
        once = Counter(entry["objectId"] for entry in self.hub.act_on.delivered(INBOX, once=True))
        texts = {(row["headers"]["Elements-Webhook-Id"], row["text"]) for row in self.hub.act_on.inbox(INBOX)}
        return sum(count - 1 for count in once.values()) + len(texts) - len({webhook_id for webhook_id, _ in texts})

    def exceeded(self) -> list[str]:
        """Act-On's limits that the hub ran into, by Act-On's own count."""
        counters = self.hub.act_on.account("GET", "/counters")
        return [name for name in ("refused_by_second", "refused_by_day", "refused_by_hour") if counters[name]]

    def summary(self) -> str:
        arrived = self.arrived()
        return ", ".join(
            [
                *(f"{name}: {count}" for name, count in sorted(self.done.items())),
                f"changes: {len(self.changed)}",
                f"delivered: {len(arrived & self.changed)}",
                f"lost: {len(self.changed - arrived)}",
                f"doubled: {self.doubled()}",
            ]
        )


# What must come to nothing once all is calm; counts.
NOTHING_LEFT = {
    "no delivery is stuck": "SELECT count(*) FROM events_delivery WHERE status <> 'notified'",
    "no delivery is leased": "SELECT count(*) FROM events_delivery WHERE lease_until IS NOT NULL",
    "no poll is under way for ever": "SELECT count(*) FROM polling_poll WHERE status IN ('queued', 'running')",
    "no event waits to be told": "SELECT count(*) FROM events_event WHERE status <> 'NOTIFIED'",
    "no poller is failing": "SELECT count(*) FROM polling_poller WHERE failures > 0",
}
