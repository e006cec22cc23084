import os
import signal
import threading
from collections import Counter

from tests.running import RunningHub, wait_until


def test_a_web_server_restarted_under_load_refuses_nothing(hub: RunningHub) -> None:
    """The supervisor holds the listening socket: who comes in between waits in it."""
    wait_until(hub.is_whole, 10, "all processes")
    (old,) = hub.named("hub-web")
    answers: Counter[int] = Counter()
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            answers[hub.get("/healthz/live")[0]] += 1

    clients = [threading.Thread(target=ask) for _ in range(8)]
    for client in clients:
        client.start()
    try:
        wait_until(lambda: answers.total() > 100, 10, "the load has begun")
        os.kill(old, signal.SIGTERM)
        wait_until(lambda: hub.named("hub-web") not in ([old], []), 20, "a new web server")
        before = answers.total()
        wait_until(lambda: answers.total() > before + 100, 20, "it answers")
    finally:
        done.set()
        for client in clients:
            client.join()
    assert set(answers) == {200}, answers
