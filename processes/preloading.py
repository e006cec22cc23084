"""What is loaded before processes are forked, so that they share it in memory instead of each loading its own."""

import gc
from importlib import import_module

from django.urls import get_resolver

TASKS = ("accounts.audit", "elements.tasks", "events.tasks", "polling.dispatch", "polling.tasks", "processes.tasks")


def load_tasks() -> None:
    """All that the worker's processes run."""
    for name in TASKS:
        import_module(name)
    keep()


def load_views() -> None:
    """All that the web server answers with; what cannot be imported ends the start, and no request waits for it."""
    _ = get_resolver().url_patterns
    keep()


def keep() -> None:
    """Take what is loaded out of the garbage collector's rounds: looking at it would copy it into each process."""
    gc.collect()
    gc.freeze()
