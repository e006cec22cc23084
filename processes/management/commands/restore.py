from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from cryptography.fernet import InvalidToken
from django.core.management.base import BaseCommand, CommandError

from accounts import audit
from processes import backup


class Command(BaseCommand):
    help = "Put the rows of a backup into this hub's tables, all or none. The hub must not run meanwhile."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--replace", action="store_true", help="delete the rows that are there")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            count = backup.read(options["file"], replace=options["replace"])
        except (OSError, backup.RestoreRefused) as error:
            raise CommandError(f"file: {error}") from None
        except InvalidToken:
            raise CommandError("file: the ENCRYPTION_KEYS of that hub are needed; nothing was changed.") from None
        audit.record("restore", who="command line", target=f"{count} rows")
        self.stdout.write(f"{count} rows are restored.")
