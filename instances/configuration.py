"""An instance's configuration: the one parser that API, form and import share (CONTRACT §3).

Keys are dotted text, as the platform has them. Secret values are kept apart from the others, encrypted, and read
back as MASK; sent back as MASK, they keep their stored value.
"""

import ipaddress
import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from django.conf import settings
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from acton_hub import incoming, outbound
from elements.acton import connections
from instances.models import Instance

MASK = "********"
MOST_KEYS = 500
MOST_KEY_CHARACTERS = 200
SIGNATURE_KEY = "event.notification.signature.key"
CALLBACK_URL = "event.notification.callback.url"
POLLER_CONFIGURATION = "event.poller.configuration"
WEBHOOK_SECRET = "event.webhook.secret"  # noqa: S105 - the name of a key
WEBHOOK_HEADER = "event.webhook.signature.header"
CONNECTION_KEYS = ("oauth.api.key", "oauth.api.secret", "oauth.user.refresh_token")
# Any other key whose name says so is kept encrypted, too: what we do not know may be a secret as well.
_SECRET_NAME = re.compile(r"(secret|password|token|passwd|signature\.key|api[._-]?key|credential)", re.IGNORECASE)
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000)]


class ConfigurationError(ValueError):
    """A configuration key holds what cannot be used; nothing was changed."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"{key}: {problem}")
        self.key = key
        self.problem = problem


def path_of(*parts: object) -> str:
    return ".".join(str(part) for part in parts)


def _as_boolean(value: Any) -> Any:
    """Applications of the platform send booleans as text, too."""
    return (
        {"true": True, "false": False, "": None}.get(value.strip().lower(), value) if isinstance(value, str) else value
    )


def _as_minutes(value: Any) -> Any:
    if isinstance(value, str):
        text = value.strip()
        return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else (value if text else None)
    return value


class Configuration(BaseModel):
    """The keys that the hub itself reads; every other key is stored and given back as it is."""

    model_config = ConfigDict(extra="allow", strict=True)

    api_key: Text = Field("", alias="oauth.api.key")
    api_secret: Text = Field("", alias="oauth.api.secret")
    oauth_callback_url: Text = Field("", alias="oauth.callback.url")
    refresh_token: Text = Field("", alias="oauth.user.refresh_token")
    base_url: Text = Field("", alias="base.url")
    account: Annotated[Text, Field(max_length=200)] = Field("", alias="acton.account")
    events_enabled: Annotated[bool | None, BeforeValidator(_as_boolean)] = Field(
        None, alias="event.notification.enabled"
    )
    vendor_type: str = Field("polling", alias="event.vendor.type")
    callback_url: Text = Field("", alias="event.notification.callback.url")
    signature_key: Annotated[str, StringConstraints(max_length=500)] | None = Field(
        None, alias="event.notification.signature.key"
    )
    basic_username: Text | None = Field(None, alias="event.notification.basic.username")
    basic_password: Annotated[str, StringConstraints(max_length=500)] | None = Field(
        None, alias="event.notification.basic.password"
    )
    webhook_secret: Annotated[str, StringConstraints(max_length=500)] = Field("", alias="event.webhook.secret")
    webhook_header: Annotated[Text, StringConstraints(pattern=r"^[!#$%&'*+.^_`|~\w-]*$", max_length=100)] = Field(
        "", alias="event.webhook.signature.header"
    )
    refresh_minutes: Annotated[int | None, BeforeValidator(_as_minutes)] = Field(
        None, alias="event.poller.refresh_interval", ge=1, le=10_080
    )

    @field_validator("vendor_type")
    @classmethod
    def known_vendor_type(cls, value: str) -> str:
        known = {"polling": "polling", "webhooks": "webhooks", "webhook": "webhooks", "": "polling"}
        if value.strip().lower() not in known:
            raise ValueError("must be polling or webhooks")
        return known[value.strip().lower()]

    @field_validator("callback_url", "oauth_callback_url")
    @classmethod
    def usable_url(cls, value: str) -> str:
        if value:
            check_http_url(value)
        return value

    @field_validator("callback_url")
    @classmethod
    def may_be_called(cls, value: str) -> str:
        if value:
            check_not_private(value)
        return value

    @field_validator("base_url")
    @classmethod
    def known_host(cls, value: str) -> str:
        connections.host_of(value)
        return value


def parse(raw: Any) -> Configuration:
    """The keys that the hub reads. Raises ConfigurationError that names the first key at fault."""
    if not isinstance(raw, dict):
        raise ConfigurationError("configuration", "must be an object with dotted keys")
    if len(raw) > MOST_KEYS:
        raise ConfigurationError("configuration", f"must not have more than {MOST_KEYS} keys")
    if long := next((key for key in raw if len(key) > MOST_KEY_CHARACTERS), None):
        raise ConfigurationError(f"configuration.{long[:50]}...", f"is longer than {MOST_KEY_CHARACTERS} characters")
    try:
        incoming.check(raw)
    except incoming.Fault as fault:
        path = f"configuration.{fault.path}" if fault.path else "configuration"
        raise ConfigurationError(path, fault.problem) from None
    # A key without a value counts as absent, as on the platform.
    given = {key: value for key, value in raw.items() if value is not None}
    try:
        parsed = Configuration.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        key = path_of(*(part for part in first["loc"] if isinstance(part, str) and "-" not in part))
        raise ConfigurationError(f"configuration.{key}", first["msg"].removeprefix("Value error, ")) from None
    if parsed.events_enabled and not parsed.callback_url:
        raise ConfigurationError(f"configuration.{CALLBACK_URL}", "is required when events are enabled")
    if bool(parsed.webhook_secret) != bool(parsed.webhook_header):
        missing, there = WEBHOOK_SECRET, WEBHOOK_HEADER
        if parsed.webhook_secret:
            missing, there = there, missing
        raise ConfigurationError(f"configuration.{missing}", f"is required together with {there}")
    return parsed


def check_http_url(value: str) -> None:
    """Raises ValueError for what is not an absolute http(s) URL, or carries credentials."""
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"is not a URL: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ValueError("must be an http or https URL")
    if "[" in parts.netloc and ":" not in parts.hostname:
        raise ValueError("is not a URL: between brackets stands no address that the hub knows")
    if not value.isprintable() or " " in value or "\\" in value:
        raise ValueError("must not hold blanks, backslashes or unprintable characters")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold credentials; use event.notification.basic.username and .password")


def check_not_private(value: str) -> None:
    """Raises ValueError for a literal private address or a localhost name that is not allowed; looks nothing up."""
    host = outbound.plain_host(urlsplit(value).hostname or "")
    literal = outbound.literal_address(host)
    if literal is None and outbound.is_local_name(host):
        literal = ipaddress.ip_address("127.0.0.1")
    if literal is not None and not outbound.is_allowed(literal, settings.OUTBOUND_ALLOW_PRIVATE):
        raise ValueError(f"must not point to the private network ({host}); OUTBOUND_ALLOW_PRIVATE can allow it")


def is_secret(key: str) -> bool:
    return bool(_SECRET_NAME.search(key))


def split_secrets(raw: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(what is stored in clear, what is stored encrypted). What the connection keeps is in neither."""
    clear: dict[str, Any] = {}
    secret: dict[str, Any] = {}
    for key, value in raw.items():
        if key not in CONNECTION_KEYS:
            (secret if is_secret(key) else clear)[key] = value
    return clear, secret


def masked(instance: Instance) -> dict[str, Any]:
    """The whole configuration as it may be shown: secrets read back as MASK."""
    shown = dict(instance.configuration)
    shown.update(dict.fromkeys([key for key, value in instance.secret_values.items() if value], MASK))
    shown["oauth.api.key"] = shown["oauth.api.secret"] = MASK
    return shown


def refuse_masks(raw: dict[str, Any]) -> None:
    """Of an instance that has nothing stored yet, which a mask could stand for.

    Raises ConfigurationError: somebody sent what was read of another instance, or copied from a page.
    """
    for key, value in raw.items():
        if value == MASK:
            raise ConfigurationError(f"configuration.{key}", f"is {MASK}, as secrets read back; send the value itself")


def unmasked(raw: dict[str, Any], stored: dict[str, Any]) -> dict[str, Any]:
    """`raw`, with what was sent back masked replaced by its stored value, or left out where there is none."""
    return {
        key: stored.get(key) if value == MASK else value for key, value in raw.items() if value != MASK or key in stored
    }
