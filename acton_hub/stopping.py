"""Whether this process has been asked to stop, for work that can end early and give back its leases.

The flag lies in memory that a parent shares with what it forks, so that it reaches every task at the same
instant, without locks: a lock would stay held for ever when its holder is killed.
"""

import mmap

_flag = mmap.mmap(-1, 1)


def stopping() -> bool:
    """True from the moment of SIGTERM on: begin nothing new, end what is in hand within seconds."""
    return _flag[0] == 1


def anew() -> None:
    """This process and what it forks from now on have a flag of their own, not raised; to be called in a fork."""
    global _flag
    _flag = mmap.mmap(-1, 1)


def begin() -> None:
    """Tell this process and all that it has forked."""
    _flag[0] = 1
