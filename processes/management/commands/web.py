from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from processes import web


class Command(BaseCommand):
    help = "Serve the API and the pages on HOST:PORT."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--descriptor", type=int, help="serve on this listening socket, inherited from `start`")

    def handle(self, *args: Any, **options: Any) -> None:
        descriptor = options["descriptor"]
        if descriptor is None:
            descriptor = web.listen(settings.HOST, settings.PORT).detach()
        web.serve(descriptor)
