from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from processes import web


class Command(BaseCommand):
    help = "Serve the API and the pages on HOST:PORT."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        web.serve(web.listen(settings.HOST, settings.PORT).detach())
