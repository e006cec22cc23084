"""What a poll with the configuration in the form would find now (CONTRACT §9); nothing is stored or sent."""

from dataclasses import dataclass, field

from django.utils import timezone

from api.acton import ask
from api.endpoint import ApiError, a_thread_for_acton
from console import form_rules
from console import sheet as sheets
from console.instance_form import POLLERS
from console.sheet import Sheet
from elements.acton.exceptions import ActOnError
from instances.configuration import ConfigurationError
from polling import configuration, preview
from polling.preview import Found


@dataclass
class Preview:
    """The records, or why there are none."""

    found: list[Found] = field(default_factory=list)
    problem: str = ""

    @property
    def is_of_several(self) -> bool:
        return len({row.resource for row in self.found}) > 1

    @property
    def told(self) -> int:
        """How many of the records would be an event."""
        return sum(row.reason is None for row in self.found)


def of(sheet: Sheet) -> Preview:
    """At most MOST_RECORDS records, of the resources that are selected."""
    instance = sheet.instance
    if instance is None:
        return Preview(problem="A preview asks Act-On, so it is there once the instance is authenticated.")
    if sheet.mode == "form" and not sheet.panes.is_valid():
        return Preview(problem="Correct the pane that is marked first.")
    if problem := _problem(sheet):
        return Preview(problem=problem)
    shown = Preview()
    try:
        resources = form_rules.check(sheet.body)
        with a_thread_for_acton():
            for resource, entry in resources.items():
                parsed = configuration.load(entry, configuration.KEY, resource)
                shown.found += preview.preview(
                    instance, resource, parsed, lambda call: ask(instance, call), timezone.now()
                )
    except ConfigurationError as error:
        return Preview(problem=_words(error))
    except ActOnError as error:
        return Preview(problem=str(error))
    except ApiError as error:
        return Preview(problem=error.message)
    shown.found = shown.found[: preview.MOST_RECORDS]
    return shown


def _problem(sheet: Sheet) -> str:
    """What keeps it from being looked at, put beside its field; in words where that field is not near."""
    found = form_rules.problems(sheet.body)
    for error in found:
        sheets.show(sheet, error)
    elsewhere = [error for error in found if not error.key.removeprefix("configuration.").startswith(POLLERS)]
    if elsewhere:
        return _words(elsewhere[0])
    return "Correct what is marked first." if found else ""


def _words(error: ConfigurationError) -> str:
    return f"{error.key.removeprefix('configuration.')}: {error.problem}"
