"""What only the kernel can do for a family of processes: end a child with its parent, and show names in `ps`.

Both are Linux's prctl(2); on other systems they do nothing, and supervision rests on signals alone.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent(parent: int, sent: signal.Signals = signal.SIGKILL) -> None:
    """Have the kernel send this process `sent` when the process `parent`, which forked it, is gone.

    The kernel looks only from now on, so a parent that died before this call is noticed by its id.
    """
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(sent), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def name_process(name: str) -> None:
    """Show `name` (its first 15 characters) as this process's name in `ps -o comm` and `top`."""
    if _libc is not None:
        _libc.prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)


def is_alive(pid: int) -> bool:
    """Whether a process of this machine has that id; one that has ended but was not reaped yet counts."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is somebody else's
        return True
    return True
