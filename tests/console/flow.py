"""The way of the form through Act-On and back, as a browser takes it."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.test import Client

from console.curl import landing_page
from instances.models import Instance
from tests.act_on import Sandbox

FIELDS = {
    "name": "From the form",
    "tags": "Docs, More",
    "api_key": "my-key",
    "api_secret": "my-secret",
    "oauth_callback_url": landing_page(),
    "host": "sandbox",
    "account": "",
    "events_enabled": "on",
    "vendor_type": "polling",
    "callback_url": "https://mycoolapp.com/events",
    "signature_key": "planted-signature-key",
    "refresh_minutes": "20",
    "mode": "form",
    "p-TOTAL_FORMS": "1",
    "p-INITIAL_FORMS": "0",
    "p-0-selected": "on",
    "p-0-resource": "contacts",
    "p-0-url": "/hubs/marketing/lists/{listId}/contacts?where=modafter='${epoch}'",
    "p-0-id_field": "_contact_id_",
    "p-0-advanced": "on",
    "p-0-updated_field": "__modified_date",
    "p-0-updated_format": "milliseconds",
    "action": "save",
}


def code_for(act_on: Sandbox, *, key: str = "my-key", user: str = "sandbox") -> str:
    asked = {"client_id": key, "redirect_uri": landing_page(), "user": user}
    return str(act_on.call("POST", "/control/codes", asked)["code"])


def sent_to_acton(response: Any) -> str:
    """The state with which the browser was sent to Act-On."""
    assert response.status_code == 302, response.content.decode()
    asked = parse_qs(urlsplit(response.headers["Location"]).query)
    assert asked["redirect_uri"] == [landing_page()]
    return str(asked["state"][0])


def back(browser: Client, **query: str) -> Any:
    return browser.get("/oauth/callback", query)


def send(browser: Client, act_on: Sandbox) -> Instance:
    """The whole way, to the instance that it makes."""
    state = sent_to_acton(browser.post("/console/instances/new", FIELDS))
    response = back(browser, state=state, code=code_for(act_on))
    assert response.status_code == 302, response.content.decode()
    return Instance.objects.get(pk=int(response.headers["Location"].rpartition("/")[2]))
