"""Forking a child that leads a session of its own, ends with its parent, and leaves nothing behind."""

import logging
import os
import signal
import sys
from collections.abc import Callable

from acton_hub.kernel import die_with_parent, name_process

logger = logging.getLogger(__name__)

# What a supervisor waits for. Blocked, so that they are taken one by one by sigtimedwait and interrupt nothing.
STOP = signal.SIGTERM
AWAITED = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD}


def take_signals() -> None:
    """From now on the AWAITED signals wait for `await_signal`, also SIGINT where a shell has them ignored (`&`)."""
    for one in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(one, _never_called)  # a blocked signal stays pending only where it is not ignored
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup
        signal.signal(signal.SIGHUP, _never_called)
    signal.pthread_sigmask(signal.SIG_BLOCK, AWAITED)


def _never_called(number: int, frame: object) -> None:
    """Stands for "not ignored"; the signals are blocked and fetched."""


def await_signal(longest_s: float) -> bool:
    """Wait for a signal, at most so long; True when it asks to stop."""
    arrived = signal.sigtimedwait(AWAITED, max(longest_s, 0))
    if arrived is None or arrived.si_signo == signal.SIGCHLD:
        return False
    logger.info("asked to stop signal=%s sender=%s", signal.Signals(arrived.si_signo).name, arrived.si_pid)
    return True


def fork(run: Callable[[], None], name: str, end_with: signal.Signals = signal.SIGKILL) -> int:
    """Run `run` in a child process named `name`; returns the child's id, which is its process group's, too.

    The child gets `end_with` when this process dies. No database connection may be open, nor a second thread run.
    """
    parent = os.getpid()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.setsid()
        die_with_parent(parent, end_with)
        name_process(name)
        for one in AWAITED - {signal.SIGHUP}:
            signal.signal(one, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, AWAITED)
        run()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except Exception:
        logger.exception("process failed name=%s", name)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def ask_to_stop(pid: int) -> None:
    """SIGTERM to the child alone: a whole group told at once hangs django-q2's master."""
    os.kill(pid, signal.SIGTERM)


def end_group(pid: int) -> None:
    """SIGKILL to the child and whatever is left of its process group. The child must not have been reaped yet."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:  # not yet the leader of a group
        os.kill(pid, signal.SIGKILL)


def ended(pid: int) -> bool:
    """Whether the child has ended; it is not reaped, so that its id, and its group's, is not given away."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def reap(pid: int) -> int:
    """Wait for the child; returns its exit code, or the negative number of the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
