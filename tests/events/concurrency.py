"""Two transactions side by side, in threads with connections of their own, made to meet at a certain step."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from django.db import connection

MEET_S = 1.0  # where a lock keeps the other one away, they do not meet


def run_together(*work: Callable[[], Any]) -> None:
    """Run each in a thread of its own; raises what any of them raises."""

    def run(each: Callable[[], Any]) -> None:
        try:
            each()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(work)) as pool:
        for future in [pool.submit(run, each) for each in work]:
            future.result()


def meet_before(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
    """Two that call `owner.name` wait for each other first, if nothing keeps one of them away."""
    barrier, original = threading.Barrier(2), getattr(owner, name)

    def met(*args: Any) -> Any:
        with suppress(threading.BrokenBarrierError):
            barrier.wait(MEET_S)
        return original(*args)

    monkeypatch.setattr(owner, name, met)


def in_the_midst(
    monkeypatch: pytest.MonkeyPatch, first: Callable[[], Any], owner: Any, name: str, meanwhile: Callable[[], Any]
) -> None:
    """Run `first`; once it has called `owner.name`, `meanwhile` runs to its end, if it can, before it goes on."""
    original, called, done = getattr(owner, name), threading.Event(), threading.Event()

    def hooked(*args: Any, **more: Any) -> Any:
        answer = original(*args, **more)
        if not called.is_set():
            called.set()
            done.wait(MEET_S)
        return answer

    def second() -> None:
        assert called.wait(10)
        try:
            meanwhile()
        finally:
            done.set()

    monkeypatch.setattr(owner, name, hooked)
    run_together(first, second)
