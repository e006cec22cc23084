"""What a change of an instance makes of its positions: none goes that nobody let go, and each that goes is named."""

import html
import json
import re

import pytest
from django.test import Client

from accounts.models import User
from console.models import Authorization
from instances.models import Instance
from polling.models import Position
from tests.console import rows
from tests.console.flow import FIELDS, fields_of

pytestmark = pytest.mark.django_db(databases="__all__")
NOT_SAID = "Saving takes the position of contacts away"


@pytest.fixture
def instance(member: User) -> Instance:
    """It polls contacts and optouts, each with a position."""
    row = rows.instance(member)
    for resource in ("contacts", "optouts"):
        rows.position(rows.poller(row, resource))
    return row


def form(browser: Client, instance: Instance) -> dict[str, str]:
    return fields_of(browser.get(f"/console/instances/{instance.pk}/edit").content.decode())


def without(fields: dict[str, str], resource: str) -> dict[str, str]:
    """The form with that resource not ticked."""
    number = next(name.split("-")[1] for name, value in fields.items() if re.fullmatch(r"p-\d+-resource", name)
                  and value == resource)  # fmt: skip
    return {name: value for name, value in fields.items() if name != f"p-{number}-selected"}


def saved(browser: Client, instance: Instance, fields: dict[str, str]) -> str:
    answer = browser.post(f"/console/instances/{instance.pk}/edit", fields, follow=True)
    assert answer.status_code == 200
    return html.unescape(answer.content.decode())


def polled(instance: Instance) -> set[str]:
    return set(Position.objects.filter(poller__instance=instance).values_list("poller__resource", flat=True))


def test_a_change_that_keeps_all_says_so(browser: Client, instance: Instance) -> None:
    text = saved(browser, instance, form(browser, instance))
    assert "was changed. Its positions are kept." in text
    assert polled(instance) == {"contacts", "optouts"}


def test_a_position_goes_once_somebody_says_so_and_is_named(browser: Client, instance: Instance) -> None:
    fields = without(form(browser, instance), "contacts")
    text = saved(browser, instance, fields)
    assert NOT_SAID in text
    assert "Nothing was stored" in text
    assert polled(instance) == {"contacts", "optouts"}
    again = fields_of(text)
    assert "forget:contacts" not in again
    text = saved(browser, instance, again | {"forget:contacts": "on"})
    assert "contacts is polled no more; its position is forgotten. The other positions are kept." in text
    assert polled(instance) == {"optouts"}


def test_what_was_said_of_one_resource_is_not_said_of_another(browser: Client, instance: Instance) -> None:
    fields = without(without(form(browser, instance), "contacts"), "optouts") | {"forget:optouts": "on"}
    fields |= {f"p-0-{name}": FIELDS[f"p-0-{name}"] for name in ("selected", "url", "id_field")}
    text = saved(browser, instance, fields | {"p-0-resource": "people"})
    assert NOT_SAID in text, "another name was typed over it"
    assert "Saving takes the position of optouts away" not in text
    assert fields_of(text)["forget:optouts"] == "on", "what was ticked stays"
    assert polled(instance) == {"contacts", "optouts"}


def test_json_without_a_resource_is_asked_about_too(browser: Client, instance: Instance) -> None:
    path = f"/console/instances/{instance.pk}/edit"
    as_json = fields_of(browser.post(path, form(browser, instance) | {"action": "switch"}).content.decode())
    raw = json.loads(as_json["raw"])
    del raw["contacts"]
    as_json["raw"] = json.dumps(raw)
    text = saved(browser, instance, as_json)
    assert NOT_SAID in text
    assert "contacts is polled no more" in saved(browser, instance, fields_of(text) | {"forget:contacts": "on"})
    assert polled(instance) == {"optouts"}


def test_other_credentials_are_not_taken_to_act_on_before(browser: Client, instance: Instance) -> None:
    fields = without(form(browser, instance), "contacts") | {"api_key": "another", "api_secret": "secret"}
    assert NOT_SAID in saved(browser, instance, fields)
    assert not Authorization.objects.exists()
    saved(browser, instance, fields | {"forget:contacts": "on"})
    assert Authorization.objects.exists()


def test_events_that_are_switched_on_begin_now_and_that_is_told(browser: Client, instance: Instance) -> None:
    fields = form(browser, instance)
    off = {name: value for name, value in fields.items() if name != "events_enabled"}
    assert "Its positions are kept." in saved(browser, instance, off)
    text = saved(browser, instance, fields)
    assert "Events begin now: what changed while they were off is not sent." in text
    assert "positions are kept" not in text
    assert polled(instance) == set()


def test_a_file_that_does_not_name_a_resource_says_what_saving_does(browser: Client, instance: Instance) -> None:
    rows.poller(instance, "contacts-2")
    other = rows.instance(instance.user, "Other")
    rows.poller(other)
    text = browser.get(f"/console/instances/{instance.pk}/edit", {"copy": other.pk}).content.decode()
    assert "<strong>contacts-2</strong> is polled now, and it is not in this form any more." in text
    assert 'name="forget:contacts-2"' in text
