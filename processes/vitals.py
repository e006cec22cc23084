"""Signs of life in memory that a worker's processes share, for its parent to watch.

The parent looks here and never into the database: it must notice a dead cluster, and stop in time, also while the
database hangs. The rows of `Heartbeat` tell the same to everybody else. No locks: a killed holder would keep them.
"""

import mmap
import os
import struct
import time

_BEATS = struct.Struct("=dd")  # monotonic seconds of the last heartbeat: cluster, dispatcher
_CLUSTER_PID = struct.Struct("=i")
_SLOT = struct.Struct("=id")  # process id, monotonic seconds since when it runs a task (0: idle)
_SLOTS = 64
_PID_AT = _BEATS.size
_SLOTS_AT = _PID_AT + _CLUSTER_PID.size

_memory = mmap.mmap(-1, _SLOTS_AT + _SLOTS * _SLOT.size)


def anew() -> None:
    """This process and what it forks from now on share memory of their own, without a sign yet."""
    global _memory
    _memory = mmap.mmap(-1, _SLOTS_AT + _SLOTS * _SLOT.size)


def _write_beat(index: int) -> None:
    struct.pack_into("=d", _memory, index * 8, time.monotonic())


def _read_beat(index: int) -> float:
    return float(struct.unpack_from("=d", _memory, index * 8)[0])


def cluster_beats() -> None:
    _write_beat(0)


def dispatcher_beats() -> None:
    _write_beat(1)


def last_cluster_beat() -> float:
    """Monotonic seconds; a cluster whose workers are all at work is alive, although no heartbeat gets through."""
    return _read_beat(0)


def last_dispatcher_beat() -> float:
    """Monotonic seconds."""
    return _read_beat(1)


def set_cluster_pid(pid: int) -> None:
    _CLUSTER_PID.pack_into(_memory, _PID_AT, pid)


def cluster_pid() -> int:
    """The process id of the present cluster's master; 0 before the first one."""
    return int(_CLUSTER_PID.unpack_from(_memory, _PID_AT)[0])


def set_busy(serial: int, busy: bool) -> None:
    """The calling process, forked as number `serial` of its cluster, begins or ends a task."""
    since = time.monotonic() if busy else 0.0
    _SLOT.pack_into(_memory, _SLOTS_AT + serial % _SLOTS * _SLOT.size, os.getpid(), since)


def busy_processes(longest_s: float) -> list[int]:
    """The ids of the processes that have run a task for less than `longest_s` seconds. Some may have died meanwhile."""
    now = time.monotonic()
    slots = (_SLOT.unpack_from(_memory, _SLOTS_AT + index * _SLOT.size) for index in range(_SLOTS))
    return [pid for pid, since in slots if since and now - since < longest_s]
