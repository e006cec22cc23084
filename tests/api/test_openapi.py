"""The OpenAPI document is true: whatever is sent, the hub answers as the document says (CONTRACT §1)."""

import json
import os
import random
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.models import User
from acton_hub.wsgi import application
from api.documentation import whole
from elements.acton import limits
from events.models import Event, Notification, Subscription
from instances.models import Instance
from tests.conftest import authorization
from tests.rows import changes, instance, poll, record

CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# The same views stand behind /hubs/{hub}/... and behind /...; one of both is enough.
paths = {path: methods for path, methods in whole()["paths"].items() if not path.startswith("/hubs/")}
schema = schemathesis.openapi.from_dict({**whole(), "servers": [{"url": "/"}], "paths": paths})
schema.app = application


@pytest.fixture
def _one_transaction(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The test's transaction lasts over all requests, as with Django's own test client; nothing waits for Act-On."""
    monkeypatch.setattr(limits, "reserve_call", lambda *args, **given: 0.0)
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def header(user: User, _one_transaction: None) -> dict[str, str]:
    """The header of an organization that has something of everything."""
    row = instance(user)
    record(row, changes(3))
    poll(row)
    return authorization(user) | {"Authorization": authorization(user)["Authorization"] + f", Element {row.token}"}


@pytest.fixture
def ids(header: dict[str, str]) -> dict[str, Any]:
    """What there is, by the names of path parameters; most calls are to name it."""
    return {
        "instance_id": Instance.objects.get().pk,
        "event_id": Event.objects.get().pk,
        "element": "acton",
        "row_id": 7,
        "notification_id": Notification.objects.get().pk,
        "subscription_id": Subscription.objects.get().pk,
        "account_id": Instance.objects.get().organization_id,
    }


@pytest.mark.django_db(databases="__all__")
@schema.parametrize()
@settings(max_examples=int(os.environ.get("FUZZ_CASES", "25")), deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_the_document_says(case: Any, header: dict[str, str], ids: dict[str, Any]) -> None:
    case.headers = {**(case.headers or {}), **header}
    for name, known in ids.items():
        if name in case.path_parameters and random.random() < 0.7:
            case.path_parameters[name] = known
    response = case.call_and_validate(checks=CHECKS)
    assert response.status_code != 500


def test_the_document_is_served_as_json_and_as_a_page(client: Client) -> None:
    shown = client.get("/elements/api-v2/elements/api-docs")
    assert shown.json()["openapi"] == "3.1.0"
    assert json.dumps(shown.json()) == json.dumps(whole())
    for accepted in ("text/html,*/*;q=0.8", "text/html"):
        page = client.get("/elements/api-docs", headers={"Accept": accepted})
        assert page.headers["Content-Type"].startswith("text/html")
        assert "/<wbr>instances/<wbr>{instance_id}/<wbr>events</code>" in page.content.decode()


@pytest.mark.django_db
def test_an_instance_tells_which_resources_it_serves(client: Client, header: dict[str, str]) -> None:
    shown = client.get("/instances/docs", headers=header).json()
    assert shown["openapi"] == "3.1.0"
    assert "/lists/{list_id}/contacts" in shown["paths"]
    assert "/instances" not in shown["paths"]
    assert client.get(f"/instances/{Instance.objects.get().pk}/docs", headers=header).json() == shown
