from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts import audit
from events import erasure


class Command(BaseCommand):
    help = "Erase what is stored of one object (of a contact, say): records, changes, bodies. Ids and counts stay."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("object_id", metavar="OBJECT", help="its id, as the event log shows it: l-0001:5")
        parser.add_argument("--instance", type=int, metavar="ID", help="of this instance only")
        parser.add_argument(
            "--undelivered",
            action="store_true",
            help="of what waits to be delivered, too: it arrives without it",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        object_id = options["object_id"].strip()
        if not object_id:
            raise CommandError("OBJECT: must not be empty.")
        done = erasure.erase(object_id, instance_id=options["instance"], undelivered=options["undelivered"])
        audit.record("erase", who="command line", target=f"{done['changes']} changes")
        self.stdout.write(
            f"Erased: {done['changes']} changes in {done['events']} events, {done['remembered']} remembered records, "
            f"{done['answers']} answers of callbacks."
        )
        if done["waiting"]:
            self.stdout.write(
                f"{done['waiting']} events wait to be delivered and were left: run it later, or with --undelivered."
            )
