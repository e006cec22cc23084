"""The way of the form through Act-On and back, as a browser takes it."""

from html.parser import HTMLParser
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


class _Fields(HTMLParser):
    """What a browser would send of the form of an instance, on that page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self._inside = False
        self._text = self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        name = given.get("name", "")
        if tag == "form":
            self._inside = given.get("id") == "instance-form"
        elif self._inside and tag == "input" and (given.get("type") != "checkbox" or "checked" in given):
            unsaid = "on" if given.get("type") == "checkbox" else ""
            self.found |= {name: given.get("value", unsaid)} if name else {}
        elif self._inside and tag == "textarea":
            self._text, self.found[name] = name, ""
        elif self._inside and tag == "select":
            self._select = name
        elif self._inside and tag == "option" and "selected" in given:
            self.found[self._select] = given["value"]

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "form"
        self._text = "" if tag == "textarea" else self._text

    def handle_data(self, data: str) -> None:
        if self._text:
            self.found[self._text] += data.removeprefix("\n") if not self.found[self._text] else data


def fields_of(page: str) -> dict[str, str]:
    """The fields of the form of an instance, as they are filled, and the button that saves it."""
    parser = _Fields()
    parser.feed(page)
    return parser.found | {"action": "save"}


def send(browser: Client, act_on: Sandbox, **fields: str) -> Instance:
    """The whole way, to the instance that it makes."""
    state = sent_to_acton(browser.post("/console/instances/new", FIELDS | fields))
    response = back(browser, state=state, code=code_for(act_on))
    assert response.status_code == 302, response.content.decode()
    return Instance.objects.get(pk=int(response.headers["Location"].rpartition("/")[2]))
