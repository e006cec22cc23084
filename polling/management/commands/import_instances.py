"""Take over instances of the old platform."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from polling import moving_in
from polling.moving_in import BadRow


class Command(BaseCommand):
    help = (
        "Take over instances as the old platform's API gave them out, with their ids and tokens. See docs/migrating.md."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="a JSON array, or one JSON object a line")
        parser.add_argument("--dry-run", action="store_true", help="check everything, store nothing")
        parser.add_argument("--user", default="", help="whose they become: an e-mail address")

    def handle(self, *args: Any, **options: Any) -> None:
        user = self._user(options["user"])
        try:
            rows = list(moving_in.rows_of(options["file"].read_text(encoding="utf-8-sig")))
        except (OSError, UnicodeDecodeError, ValueError) as error:
            raise CommandError(f"{options['file']} cannot be read: {error}") from error
        counts = {"created": 0, "unchanged": 0, "refused": 0}
        for number, row in enumerate(rows, start=1):
            try:
                done = moving_in.take(user, row, dry_run=options["dry_run"])
            except BadRow as error:
                counts["refused"] += 1
                self.stderr.write(f"{row.place}: refused: {error}")
                continue
            counts[done] += 1
            label = row.value.get("id")
            self.stdout.write(f"{row.place}: {done} id={label} ({number} of {len(rows)})")
            for warning in row.warnings:
                self.stderr.write(f"{row.place}: warning: {warning}")
        if not options["dry_run"]:
            moving_in.move_sequence()
        told = ", ".join(f"{count} {word}" for word, count in counts.items())
        self.stdout.write(f"{'Dry run, nothing stored: ' if options['dry_run'] else ''}{told}.")
        if counts["refused"]:
            raise CommandError(f"{counts['refused']} of {len(rows)} rows were refused; correct them and run it again.")

    def _user(self, email: str) -> User:
        users = User.objects.select_related("organization").filter(is_active=True)
        found = list(users.filter(email__iexact=email) if email else users[:2])
        if len(found) != 1:
            raise CommandError("--user: name one user of this hub, by e-mail address.")
        return found[0]
