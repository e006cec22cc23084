import multiprocessing
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connections

from acton_hub import stopping
from acton_hub.kernel import name_process
from processes import children, cluster, dispatcher, supervision, vitals


class Command(BaseCommand):
    help = "Run the task cluster and the dispatcher, and replace what dies or hangs."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        children.take_signals()
        name_process("hub-worker")
        multiprocessing.set_start_method("fork", force=True)  # django-q2 hands its queues down by fork
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
