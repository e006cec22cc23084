"""django-q2's cluster, with what it lacks: descendants that end with their parents, and signs of life."""

import multiprocessing
import os
import socket
from typing import Any

from django.conf import settings
from django_q.cluster import Cluster
from django_q.signals import post_execute, post_execute_in_worker, post_spawn, pre_execute

from acton_hub import queue
from acton_hub.kernel import die_with_parent, is_alive, name_process
from processes import children, vitals
from processes.tasks import heartbeat

# django-q2 ends a task at its time-out, and three seconds later its process.
LONGEST_TASK_S = settings.Q_CLUSTER["timeout"] + 10.0

_forker = 0  # the process that forks now
_serial = 0  # how many it has forked


def launch() -> int:
    """Fork a cluster; returns its master's process id."""
    pid = children.fork(run, "hub-cluster")
    vitals.set_cluster_pid(pid)
    return pid


def run() -> None:
    """Be the master of a cluster until SIGTERM, or until its sentinel has died."""
    queue.belong_to(name_of(os.getpid()))
    os.register_at_fork(before=_count_fork, after_in_child=_bind_to_parent)
    post_spawn.connect(_name_worker)
    pre_execute.connect(_begin_task)
    post_execute_in_worker.connect(_end_task)
    post_execute.connect(_hear_heartbeat)
    cluster = Cluster()
    cluster.start()
    cluster.sentinel.join()


def name_of(pid: int) -> str:
    return f"cluster:{socket.gethostname()}:{pid}"


def _count_fork() -> None:
    global _forker, _serial
    _forker = os.getpid()
    _serial += 1


def _bind_to_parent() -> None:
    die_with_parent(_forker)
    name_process("hub-sentinel" if multiprocessing.parent_process() is None else "hub-monitor")


def _name_worker(**kwargs: Any) -> None:
    name_process("hub-task")


def _begin_task(func: Any, **kwargs: Any) -> None:
    vitals.set_busy(_serial, func is not heartbeat)


def _end_task(**kwargs: Any) -> None:
    vitals.set_busy(_serial, False)


def _hear_heartbeat(task: dict[str, Any], **kwargs: Any) -> None:
    """Called in the monitor: pusher, internal queue, a worker, its database, the result queue and the monitor work."""
    if task["func"] == queue.HEARTBEAT_TASK:
        vitals.cluster_beats()


def is_fully_busy() -> bool:
    """Whether every worker runs a task that is within its time: no heartbeat gets through, and none is needed."""
    at_work = [pid for pid in vitals.busy_processes(LONGEST_TASK_S) if is_alive(pid)]
    return len(at_work) >= int(settings.Q_CLUSTER["workers"])


def last_sign() -> float:
    """Monotonic seconds of the present cluster's last sign of life: a heartbeat, or every worker at work."""
    if is_fully_busy():
        vitals.cluster_beats()
    return vitals.last_cluster_beat()
