"""The queue between the web server, the dispatcher and the cluster: brokers for django-q2, and `wake`.

The queue carries wake-ups only. What is due stands in the tables, under leases that expire, so a lost wake-up costs a
second, never a change, and a repeated one finds nothing left to do. Therefore a task is forgotten once it is taken, and
no two equal ones wait: the queue stays near empty, whatever happens to the workers.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import redis
from django.db import DatabaseError, connections, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django_q.brokers import get_broker
from django_q.brokers.orm import ORM
from django_q.brokers.redis_broker import Redis
from django_q.conf import Conf
from django_q.humanhash import uuid
from django_q.models import OrmQ
from django_q.signing import BadSignature, SignedPackage
from django_q.tasks import async_task

from acton_hub.kernel import name_process

logger = logging.getLogger(__name__)

HEARTBEAT_TASK = "processes.tasks.heartbeat"
HEARTBEAT_S = 2.0
HEARTBEAT_TIMEOUT_S = 30
LOOKED_AT = 50  # waiting tasks among which `wake` looks for an equal one
LONGEST_PAUSE_S = 30.0
GATHERED_S = 0.2
SHORT_NAP_S = 0.5  # between looks at a queue that is away: the pusher must notice soon that it should stop
AWAY = (DatabaseError, redis.RedisError, OSError)

Taken = list[tuple[None, Any]]  # pairs of acknowledgement id, here none, and signed package: what the pusher wants

# The cluster that this process belongs to; set before the cluster forks, so that all of it inherits the name.
_cluster = ""


def belong_to(cluster: str) -> None:
    """This process and all that it forks are the cluster of that name: `cluster:<host>:<pid>`."""
    global _cluster
    _cluster = cluster


def wake(task: str, *args: Any) -> None:
    """Have a worker call the function at the dotted path `task` soon, once the transaction in hand is committed.

    An equal task that waits already serves as well. Never fails the caller: a queue that is away is logged, and the
    dispatcher's next tick finds what is due.
    """
    transaction.on_commit(lambda: _waker.gather(task, args) if _waker else _enqueue(task, args))


class Waker:
    """Gathers the wake-ups of a process with many threads: one thread writes them, equal ones once in GATHERED_S.

    So a request does not wait for the queue, and in a burst of requests a worker finds much to do at once. What is
    gathered when the process ends is found by the dispatcher's next tick.
    """

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, tuple[Any, ...]], None] = {}
        self._some = threading.Condition()
        threading.Thread(target=self._write, name="waker", daemon=True).start()

    def gather(self, task: str, args: tuple[Any, ...]) -> None:
        with self._some:
            self._waiting[task, args] = None
            self._some.notify()

    def _write(self) -> None:
        while True:
            with self._some:
                self._some.wait_for(lambda: self._waiting)
                waiting, self._waiting = self._waiting, {}
            for task, args in waiting:
                _enqueue(task, args)
            time.sleep(GATHERED_S)


_waker: Waker | None = None


def gather_wake_ups() -> None:
    """From now on the wake-ups of this process are gathered; to be called once it has forked."""
    global _waker
    _waker = Waker()


def _enqueue(task: str, args: tuple[Any, ...]) -> None:
    try:
        broker = get_broker()
        if not any(_is(package, task, args) for package in broker.waiting()):
            async_task(task, *args, q_options={"broker": broker})
    except AWAY as error:
        logger.warning("queue away task=%s error=%s", task, str(error).strip())


def _is(package: Any, task: str, args: tuple[Any, ...]) -> bool:
    try:
        waiting = SignedPackage.loads(package)
    except BadSignature:  # somebody else's; the cluster drops it
        return False
    return bool(waiting["func"] == task and tuple(waiting["args"]) == args)


def depth() -> int | None:
    """How many wake-ups no worker has taken yet; None where the queue does not answer."""
    try:
        return int(get_broker().queue_size())
    except AWAY:
        return None


def is_there() -> bool:
    """Whether the queue answers."""
    return depth() is not None


class Heart:
    """Makes the heartbeat tasks of a cluster, one every two seconds, in the cluster's pusher.

    They travel as every task does, pusher, internal queue, worker, and so prove the whole cluster; but only this
    one, even where several share a queue, since they never lie in it.
    """

    def __init__(self) -> None:
        self._next = 0.0

    def beat(self) -> Taken:
        now = time.monotonic()
        if now < self._next:
            return []
        self._next = now + HEARTBEAT_S
        name, task_id = uuid()
        cluster = _cluster or f"cluster:{socket.gethostname()}:{os.getpid()}"  # the latter: django-q2's own command
        package = {
            "id": task_id, "name": name, "func": HEARTBEAT_TASK, "args": (cluster,), "kwargs": {},
            "started": timezone.now(), "timeout": HEARTBEAT_TIMEOUT_S,
        }  # fmt: skip
        return [(None, SignedPackage.dumps(package))]


class Pusher:
    """The side of a broker that runs in a cluster's pusher: a heart, and patience with a queue that is away.

    An exception from `dequeue` would cost the pusher its life, after ten seconds asleep. So a queue that is away is
    asked again after a growing pause, with one line in the log each time, while the heart goes on.
    """

    def __init__(self, take: Callable[[], Taken]) -> None:
        name_process("hub-pusher")
        self._take, self._heart = take, Heart()
        self._pause_s, self._again_at = 1.0, 0.0

    def dequeue(self) -> Taken:
        return self._heart.beat() + self._ask()

    def _ask(self) -> Taken:
        if time.monotonic() < self._again_at:
            time.sleep(SHORT_NAP_S)
            return []
        try:
            taken = self._take()
        except AWAY as error:
            logger.warning("queue away again_in_s=%.0f error=%s", self._pause_s, str(error).strip())
            connections.close_all()
            self._again_at = time.monotonic() + self._pause_s
            self._pause_s = min(self._pause_s * 2, LONGEST_PAUSE_S)
            return []
        self._pause_s = 1.0
        return taken


class DatabaseQueue(ORM):  # type: ignore[misc]  # django-q2 has no types
    """The queue in a table. Taking a task deletes its row, where django-q2's own broker locks it for three minutes."""

    _pusher: Pusher | None = None

    @staticmethod
    def get_connection(list_key: str | None = None) -> QuerySet[OrmQ]:
        """django-q2's own closes the connections of all databases, and with them a transaction in hand elsewhere."""
        connection = connections[Conf.ORM]
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
        rows: QuerySet[OrmQ] = OrmQ.objects.using(Conf.ORM)
        return rows

    def dequeue(self) -> Taken:
        self._pusher = self._pusher or Pusher(self._take)
        return self._pusher.dequeue()

    def _take(self) -> Taken:
        first = self.get_connection().filter(key=self.list_key).order_by("pk").first()
        if first is None:
            time.sleep(Conf.POLL)
            return []
        deleted, _ = self.get_connection().filter(pk=first.pk).delete()  # none: another cluster was faster
        return [(None, first.payload)] if deleted else []

    def waiting(self) -> Iterable[str]:
        """The signed packages that nobody has taken yet, the first LOOKED_AT of them."""
        rows = self.get_connection().filter(key=self.list_key).order_by("pk")
        return list(rows.values_list("payload", flat=True)[:LOOKED_AT])

    def set_stat(self, key: str, value: str, timeout: int) -> None:
        """django-q2's own status, each half second; heartbeats tell more."""


@cache
def _redis(url: str) -> redis.Redis:
    """One client with its pool a process; the pool notices a fork. What hangs is given up after 5 s."""
    return redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=5, health_check_interval=15)


class RedisQueue(Redis):  # type: ignore[misc]  # django-q2 has no types
    """The queue in a Redis list. django-q2's own broker opens a connection for each task that is put in."""

    _pusher: Pusher | None = None

    @staticmethod
    def get_connection(list_key: str | None = None) -> redis.Redis:
        return _redis(str(Conf.REDIS))

    def ping(self) -> bool:
        """Never raises: a cluster that starts while Redis is away waits for it, in `dequeue`."""
        return is_there()

    def dequeue(self) -> Taken:
        self._pusher = self._pusher or Pusher(self._take)
        return self._pusher.dequeue()

    def _take(self) -> Taken:
        found = self.connection.blpop([self.list_key], 1)
        return [(None, found[1])] if found else []

    def waiting(self) -> Iterable[bytes]:
        """The signed packages that nobody has taken yet, the first LOOKED_AT of them."""
        packages: list[bytes] = self.connection.lrange(self.list_key, 0, LOOKED_AT - 1)
        return packages

    def set_stat(self, key: str, value: str, timeout: int) -> None:
        """django-q2's own status, each half second; and a line in the log each, while Redis is away."""
