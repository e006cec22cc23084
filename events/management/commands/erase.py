from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts import audit
from events import erasure


class Command(BaseCommand):
    help = "Erase what is stored of one object (of a contact, say): records, changes, bodies. Ids and counts stay."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("object_id", metavar="OBJECT", help="its id, as the event log shows it: l-0001:5")
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--instance", type=int, metavar="ID", help="of this instance only")
        which.add_argument("--all", action="store_true", help="of every instance, though ids repeat in each account")
        parser.add_argument(
            "--undelivered",
            action="store_true",
            help="of what waits to be delivered, too: it arrives without it",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        object_id = options["object_id"].strip()
        if not object_id:
            raise CommandError("OBJECT: must not be empty.")
        if options["instance"] is None and not options["all"]:
            _refuse_several_people(object_id)
        done = erasure.erase(object_id, instance_id=options["instance"], undelivered=options["undelivered"])
        audit.record("erase", who="command line", target=_number(done["changes"], "change"))
        self.stdout.write(
            f"Erased: {_number(done['changes'], 'change')} in {_number(done['events'], 'event')}, "
            f"{_number(done['remembered'], 'remembered record')}, {_number(done['answers'], 'answer')} of callbacks."
        )
        if done["waiting"]:
            waits = "waits to be delivered and was" if done["waiting"] == 1 else "wait to be delivered and were"
            self.stdout.write(f"{_number(done['waiting'], 'event')} {waits} left: run it later, or with --undelivered.")


def _refuse_several_people(object_id: str) -> None:
    """Ids repeat in each of Act-On's accounts: what two connections know by one id may be two people."""
    holders = list(erasure.holders(object_id))
    if len({instance.connection_id for instance in holders}) > 1:
        named = "".join(f"\n  {each.pk}  {each.name}, of {each.organization.name}" for each in holders)
        raise CommandError(
            f"{object_id} may be several people: it is known to instances with different authorizations.{named}\n"
            "Nothing was erased. Name one of them with --instance ID, or take --all."
        )


def _number(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
