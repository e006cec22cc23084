"""The first visit, where Act-On is the sandbox: a form that can be sent as it is, and a contact that is found."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import AuditEntry, User
from instances.models import Instance
from polling.models import Poll
from tests.act_on import Sandbox
from tests.console import flow, rows

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def messages_of(response: Any) -> str:
    return " ".join(str(message) for message in response.context["messages"])


def test_the_form_is_filled_in_for_the_sandbox_alone(browser: Client, settings: Any) -> None:
    assert 'value="My first instance"' in browser.get("/console/instances/new?first").content.decode()
    settings.ACTON_API_URL = "https://api.actonsoftware.com"
    assert "My first instance" not in browser.get("/console/instances/new?first").content.decode()


def test_a_contact_is_added_and_a_poll_is_queued(browser: Client, act_on: Sandbox) -> None:
    instance = flow.send(browser, act_on)
    before = act_on.account("GET")["lists"][0]["contacts"]
    response = browser.post(f"/console/instances/{instance.pk}/try", follow=True)
    assert "was added to the sandbox" in messages_of(response)
    assert act_on.account("GET")["lists"][0]["contacts"] == before + 1
    assert Poll.objects.get(poller__instance=instance).trigger == Poll.Trigger.MANUAL
    assert AuditEntry.objects.filter(action="console: Add a contact to the sandbox and poll").count() == 1


def test_what_act_on_refuses_is_said_and_not_noted(browser: Client, act_on: Sandbox) -> None:
    instance = flow.send(browser, act_on)
    act_on.account("POST", "/faults", {"kind": "error", "path": "/api/1/list"})
    response = browser.post(f"/console/instances/{instance.pk}/try", follow=True)
    assert "Nothing was tried out" in messages_of(response)
    assert not AuditEntry.objects.filter(action="console: Add a contact to the sandbox and poll").exists()


def test_nothing_is_ever_added_in_a_real_account(browser: Client, member: User) -> None:
    real = rows.connection(member, host="https://api.actonsoftware.com")
    instance: Instance = rows.instance(member, connection=real)
    assert browser.post(f"/console/instances/{instance.pk}/try").status_code == 404
    assert "Add a contact and poll" not in browser.get(f"/console/instances/{instance.pk}").content.decode()
