"""The one parser of an instance's configuration (CONTRACT §3)."""

import pytest

from instances import configuration
from instances.configuration import MASK, ConfigurationError, parse, split_secrets, unmasked

GOOD = {
    "oauth.api.key": "key",
    "oauth.api.secret": "secret",
    "oauth.callback.url": "https://mycoolapp.com/auth",
    "event.notification.enabled": True,
    "event.notification.callback.url": "https://mycoolapp.com/events",
}


def test_values_come_as_text_or_as_what_they_are() -> None:
    as_text = parse({**GOOD, "event.notification.enabled": "TRUE", "event.poller.refresh_interval": " 15 "})
    as_values = parse({**GOOD, "event.poller.refresh_interval": 15})
    assert as_text.events_enabled is as_values.events_enabled is True
    assert as_text.refresh_minutes == as_values.refresh_minutes == 15


def test_urls_lose_the_blanks_at_their_ends() -> None:
    assert (
        parse({**GOOD, "event.notification.callback.url": " https://a.example/x \n"}).callback_url
        == "https://a.example/x"
    )


def test_null_and_empty_count_as_absent() -> None:
    parsed = parse({**GOOD, "event.poller.refresh_interval": "", "event.vendor.type": "", "base.url": None})
    assert (parsed.refresh_minutes, parsed.vendor_type) == (None, "polling")


@pytest.mark.parametrize(
    ("given", "stored"), [("webhook", "webhooks"), ("webhooks", "webhooks"), ("Polling", "polling")]
)
def test_vendor_types(given: str, stored: str) -> None:
    assert parse({**GOOD, "event.vendor.type": given}).vendor_type == stored


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("oauth.api.key", 5),
        ("oauth.callback.url", "ftp://a.example"),
        ("base.url", "https://evil.example"),
        ("base.url", "http://127.0.0.1:1/sandbox"),
        ("event.notification.enabled", "maybe"),
        ("event.notification.enabled", 1),
        ("event.vendor.type", "pigeon"),
        ("event.notification.callback.url", ""),
        ("event.notification.callback.url", "mycoolapp.com/events"),
        ("event.notification.callback.url", "https://user:pass@mycoolapp.com/"),
        ("event.notification.callback.url", "https://my cool app.com/"),
        ("event.notification.callback.url", "https://a.example:99999/"),
        ("event.notification.callback.url", "https://[::1/"),
        ("event.notification.callback.url", ["https://a.example"]),
        ("event.notification.signature.key", 7),
        ("event.notification.signature.key", "x" * 501),
        ("event.poller.refresh_interval", "0"),
        ("event.poller.refresh_interval", 10_081),
        ("event.poller.refresh_interval", "often"),
        ("event.poller.refresh_interval", 1.5),
        ("event.poller.refresh_interval", True),
        ("acton.account", "x" * 201),
    ],
)
def test_what_cannot_be_used_is_named_by_its_key(key: str, value: object) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse({**GOOD, key: value})
    assert refused.value.key == f"configuration.{key}"


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "169.254.169.254", "0x7f.1", "[::1]", "localhost", "LOCALHOST.", "hub.localhost", "2130706433"]
)
def test_a_private_callback_is_refused_without_a_look_up(
    host: str, settings: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.OUTBOUND_ALLOW_PRIVATE = []  # type: ignore[attr-defined]
    monkeypatch.setattr("socket.getaddrinfo", lambda *args: pytest.fail("looked up"))
    with pytest.raises(ConfigurationError, match=r"callback\.url: must not point to the private network"):
        parse({**GOOD, "event.notification.callback.url": f"http://{host}/events"})


def test_a_name_need_not_resolve_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.getaddrinfo", lambda *args: pytest.fail("looked up"))
    parse({**GOOD, "event.notification.callback.url": "https://later.invalid/events"})


def test_secrets_are_kept_apart_unknown_ones_too() -> None:
    raw = {**GOOD, "event.notification.signature.key": "s", "my.password": "p", "filter.response.nulls": True}
    clear, secret = split_secrets(raw)
    assert secret == {"event.notification.signature.key": "s", "my.password": "p"}
    assert "oauth.api.secret" not in clear
    assert clear["filter.response.nulls"] is True


def test_what_comes_back_masked_keeps_its_stored_value() -> None:
    stored = {"a.secret": "kept", "b": 1}
    assert unmasked({"a.secret": MASK, "b": 2, "c.secret": MASK}, stored) == {"a.secret": "kept", "b": 2}


def test_the_mask_is_the_platforms() -> None:
    assert configuration.MASK == "********"
