"""The worker: dispatcher and cluster, watched. It touches no database itself."""

import multiprocessing

from django.db import connections

from acton_hub import stopping
from acton_hub.kernel import name_process
from processes import children, cluster, dispatcher, preloading, supervision, vitals


def work() -> None:
    """Keep dispatcher and cluster alive until SIGTERM or SIGINT."""
    children.take_signals()
    name_process("hub-worker")
    stopping.anew()
    vitals.anew()
    multiprocessing.set_start_method("fork", force=True)  # django-q2 hands its queues down by fork
    preloading.load_tasks()
    connections.close_all()
    members = [
        supervision.Child("dispatcher", dispatcher.launch, vitals.last_dispatcher_beat),
        supervision.Child("cluster", cluster.launch, cluster.last_sign),
    ]
    for child in members:
        child.start()
    supervision.watch(members)
    stopping.begin()
    supervision.stop(members, supervision.GRACE_S)
