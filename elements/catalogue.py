"""The catalogue of elements: one entry, Act-On, with every configuration key that the hub reads (CONTRACT §2, §3)."""

from dataclasses import dataclass
from typing import Any

from typing_extensions import TypedDict  # pydantic asks for this one below Python 3.12

ELEMENT_ID = 1
KEY = "acton"
NAME = "Act-On"
HUB = "marketing"
DESCRIPTION = "Contacts, lists, campaigns and more of an Act-On account, with events when they change."
TEXT, SECRET, BOOLEAN, LIST = "TEXTFIELD_1000", "PASSWORD", "BOOLEAN", "TEXTAREA"


class ElementSummary(TypedDict):
    id: int
    key: str
    name: str
    hub: str


@dataclass(frozen=True)
class ConfigurationKey:
    """One key of an instance's configuration, as the catalogue tells of it."""

    key: str
    name: str
    description: str
    kind: str = TEXT
    default: str | None = None
    required: bool = False


CONFIGURATION = [
    ConfigurationKey("oauth.api.key", "API Key", "The client id of the Act-On application.", required=True),
    ConfigurationKey("oauth.api.secret", "API Secret", "Its client secret.", SECRET, required=True),
    ConfigurationKey("oauth.callback.url", "Callback URL", "Where Act-On sends the browser back to.", required=True),
    ConfigurationKey(
        "oauth.user.refresh_token", "OAuth Refresh Token", "Instead of a code; with externalAuthentication.", SECRET
    ),
    ConfigurationKey("base.url", "Act-On host", "The host of the account, or `sandbox` where that is switched on."),
    ConfigurationKey("acton.account", "Act-On account", "Instances that name the same one share its limits."),
    ConfigurationKey("event.notification.enabled", "Events Enabled", "Watch for changes.", BOOLEAN, "false"),
    ConfigurationKey("event.vendor.type", "Event Type", "polling or webhooks.", default="polling"),
    ConfigurationKey(
        "event.notification.callback.url", "Event Notification Callback URL", "Where notifications are sent."
    ),
    ConfigurationKey(
        "event.notification.signature.key",
        "Callback Notification Signature Key",
        "Notifications are signed with it.",
        SECRET,
    ),
    ConfigurationKey("event.notification.basic.username", "Callback user name", "For HTTP basic authorization."),
    ConfigurationKey("event.notification.basic.password", "Callback password", "For the same.", SECRET),
    ConfigurationKey("event.webhook.secret", "Webhook secret", "What Act-On signs its own webhooks with.", SECRET),
    ConfigurationKey(
        "event.webhook.signature.header", "Webhook signature header", "The header that Act-On's signature comes in."
    ),
    ConfigurationKey(
        "event.poller.refresh_interval", "Event poller refresh interval (mins)", "1 to 10080 minutes.", default="15"
    ),
    ConfigurationKey("event.poller.configuration", "Configure Polling", "One entry a resource, as JSON.", LIST),
    ConfigurationKey("event.poller.urls", "Event poller URLs", "The older form: one resource a line.", LIST),
    ConfigurationKey("event.objects", "Event objects", "Which resources of the default configuration to poll.", LIST),
    ConfigurationKey("filter.response.nulls", "Filter null values", "Leave nulls out of answers.", BOOLEAN, "true"),
]


def summary() -> ElementSummary:
    """The element as it stands inside an instance object."""
    return {"id": ELEMENT_ID, "key": KEY, "name": NAME, "hub": HUB}


def is_known(key_or_id: str) -> bool:
    return key_or_id in (KEY, str(ELEMENT_ID))


def configuration_row(number: int, row: ConfigurationKey) -> dict[str, Any]:
    """One row of the catalogue; ids count from 1 in the order of display."""
    return {
        "id": number,
        "key": row.key,
        "name": row.name,
        "description": row.description,
        "defaultValue": row.default,
        "type": row.kind,
        "required": row.required,
        "displayOrder": number,
        "hideFromConsole": False,
        "active": True,
        "internal": False,
        "groupControl": False,
        "resellerConfig": False,
    }


def configuration() -> list[dict[str, Any]]:
    return [configuration_row(number, row) for number, row in enumerate(CONFIGURATION, start=1)]
