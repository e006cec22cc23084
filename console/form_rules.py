"""What the API says of the body that the form stands for, and beside which field that belongs."""

from collections.abc import Callable
from functools import partial
from typing import Any

from console.instance_form import FIELDS, PANE, POLLERS, ZONES
from instances import configuration
from instances.configuration import ConfigurationError
from polling import configuration as poller_configuration
from polling import provisioning

MINUTES_A_DAY = 1440


def check(body: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The resources that it polls. Raises ConfigurationError as the API would."""
    parsed = configuration.parse(body["configuration"])
    return provisioning.resources_of(body["configuration"], parsed)


def problems(body: dict[str, Any]) -> list[ConfigurationError]:
    """What the API would say one after the other, all at once: the first of each key."""
    found: list[ConfigurationError] = []
    raw = dict(body["configuration"])
    while problem := _problem(partial(configuration.parse, raw)):
        found.append(problem)
        key = problem.key.removeprefix("configuration.")
        if key not in raw and key != configuration.CALLBACK_URL:
            return found
        raw.pop(key, None)
        if key == configuration.CALLBACK_URL:
            raw["event.notification.enabled"] = False  # it is required only then; look at the rest
    pollers = raw.get(POLLERS)
    if isinstance(pollers, dict) and pollers:
        for name, entry in pollers.items():
            found += poller_configuration.problems(entry, poller_configuration.KEY, name)
    last = None if found else _problem(partial(check, body))
    return [*found, last] if last else found


def _problem(rule: Callable[[], object]) -> ConfigurationError | None:
    try:
        rule()
    except ConfigurationError as error:
        return error
    return None


def place_of(error: ConfigurationError, resources: list[str]) -> tuple[str, int | None]:
    """Beside which field an error belongs: (field of the form, None), or (field of a pane, its number).

    What belongs to no field stands above the form: ("", None).
    """
    key = error.key.removeprefix("configuration.")
    if key in FIELDS:
        return FIELDS[key], None
    if not key.startswith(POLLERS):
        return "", None
    rest = key.removeprefix(POLLERS).lstrip(".")
    for number, resource in enumerate(resources):
        if rest == resource or rest.startswith(f"{resource}."):
            last = rest.removeprefix(resource).lstrip(".").removeprefix("datesConfiguration.")
            fields = {"url": "url", "idField": "id_field", **{key: field for field, key in PANE.items()}}
            fields |= dict.fromkeys(ZONES, "zone")
            return fields.get(last, "resource"), number
    return "raw", None


def cost_of(minutes: int, pollers: int) -> str:
    """What an interval costs a day, in Act-On's calls, while nothing changes (DESIGN promise 6)."""
    if minutes < 1:
        return ""
    calls = -(-MINUTES_A_DAY // minutes) * max(pollers, 1)
    return f"At least {calls:,} of Act-On's 30,000 calls a day; each list that changed costs one more a poll."
