from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts import audit
from processes import backup


class Command(BaseCommand):
    help = "Write all of the hub's rows to a file (gzip), as they are at one moment. The hub may run meanwhile."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--with-keys", action="store_true", help="put ENCRYPTION_KEYS into it: then it opens alone")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        if path.exists():
            raise CommandError(f"file: {path} exists already.")
        try:
            count = backup.write(path, with_keys=options["with_keys"])
        except OSError as error:
            raise CommandError(f"file: {error}") from None
        audit.record("back up", who="command line", target=f"{count} rows")
        self.stdout.write(f"{count} rows are in {path}.")
        if not options["with_keys"]:
            self.stdout.write("The keys are not: keep ENCRYPTION_KEYS (DATA_DIR) elsewhere, or nothing opens it.")
