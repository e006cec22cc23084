from typing import Any

from django.core.management.base import BaseCommand

from processes import worker


class Command(BaseCommand):
    help = "Run the task cluster and the dispatcher, and replace what dies or hangs."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        worker.work()
