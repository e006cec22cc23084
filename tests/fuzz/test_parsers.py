"""Whatever a parser is given, it reads it or refuses it in its own way: no other exception, no hang, no memory kept."""

import base64
import json
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from hypothesis import strategies as st

from acton_hub import incoming, log, outbound
from api import authorization, paging
from elements import ceql
from elements.acton import client, resources, sources
from elements.acton.default_poller import DEFAULT
from elements.acton.exceptions import ActOnError
from events import notification_body, retry, signing, webhooks
from instances import configuration as instance_configuration
from polling import configuration as poller_configuration
from polling import dates, detection, java_dates, legacy, templates, zones
from tests.fuzz.conftest import throw
from tests.fuzz.inputs import texts, values

NOW = datetime(2026, 11, 24, tzinfo=UTC)
KEYS = [
    "oauth.api.key", "event.notification.enabled", "event.notification.callback.url", "base.url", "event.vendor.type",
    "event.poller.refresh_interval", "event.poller.configuration", "event.objects", "event.webhook.secret", "contacts",
    "url", "idField", "datesConfiguration", "updatedDateField", "updatedDateFormat", "updatedDateTimezone", "lists",
    "include", "pollDelay", "pageSize", "detectDeletes", "createdDateFormat", "eventType", "message", "instanceId",
]  # fmt: skip
keyed = values(st.sampled_from(KEYS) | texts)
LOADED = poller_configuration.load(DEFAULT["contacts"])
Given = st.SearchStrategy[Any]
Parser = Callable[[Any], Any]


def _decoded_signature(text: str) -> None:
    signing.is_signed(text or "k", b"body", text)
    if text.isascii():
        signing.standard_headers("id", [f"whsec_{base64.b64encode(text.encode()).decode()}"], b"x", NOW)


def _line(text: str) -> None:
    record = logging.LogRecord("x", logging.INFO, "f", 1, "%s a=%r", (text, text), None)
    assert "\n" not in log.JSONLines().format(record)


def _one_poller(value: Any) -> None:
    poller_configuration.load({"contacts": 1} if value is None else value, "k")


def _host(text: str) -> None:
    instance_configuration.check_http_url(text)
    instance_configuration.check_not_private(text)


def _date(given: tuple[Any, str, str]) -> None:
    dates.parse_ms(*given)


def _whatever(value: Any, field: str) -> Any:
    """A record that holds one value in every field."""
    return value


def _query(text: str) -> None:
    query = ceql.parse(text)
    for value in (None, True, 1, 1.5, text, [text], {"a": text}):
        ceql.matches(query, partial(_whatever, value))


PARSERS: dict[str, tuple[Parser, Given, tuple[type[Exception], ...]]] = {
    "JSON": (incoming.loads, texts, (ValueError,)),
    "JSON, each key once": (lambda text: incoming.loads(text, keys_once=True), texts, (ValueError,)),
    "instance configuration": (instance_configuration.parse, keyed, (ValueError,)),
    "poller configuration": (poller_configuration.parse, keyed, (ValueError,)),
    "older poller configuration": (legacy.entries, texts, (ValueError,)),
    "one poller": (_one_poller, keyed, (ValueError,)),
    "templates": (templates.unknown, texts, (ValueError,)),
    "filled templates": (lambda text: templates.fill(text, 1_480_000_000_000), texts, (ValueError,)),
    "date pattern": (lambda text: java_dates.write(text, NOW), texts, (ValueError,)),
    "date by its pattern": (_date, st.tuples(values(), texts, texts),
                            (ValueError,)),
    "format of dates": (dates.check_format, texts, (ValueError,)),
    "zone": (zones.zone_of, texts, (ValueError,)),
    "zone in a text": (zones.zone_in_text, texts, (ValueError,)),
    "CEQL": (_query, texts, (ValueError,)),
    "hub URL": (sources.source_of, texts, (ValueError,)),
    "address": (_host, texts, (ValueError,)),
    "literal address": (outbound.literal_address, texts, ()),
    "Authorization": (authorization.parse, texts, (authorization.Unauthenticated,)),
    "moment": (paging._moment, values(), (ValueError,)),
    "webhook": (webhooks.meaning_of, texts | keyed.map(json.dumps), ()),
    "payload": (lambda text: json.loads(notification_body.as_json_text(text)), texts | keyed.map(json.dumps), ()),
    "signature": (_decoded_signature, texts, (ValueError,)),
    "Retry-After": (lambda text: retry.asked_pause(429, text, NOW), texts, ()),
    "error of Act-On": (lambda text: client.error_for(400, text, text), texts, ()),
    "records of Act-On": (sources.records_of, keyed, (ActOnError,)),
    "contact of Act-On": (partial(resources.contact, ["a", "b"]), st.lists(values(), max_size=3), (ActOnError,)),
    "record": (lambda value: detection.sight({"_contact_id_": value, "__modified_date": value}, LOADED), values(),
               (ValueError,)),
    "log line": (_line, texts, ()),
}  # fmt: skip


@pytest.mark.parametrize("name", PARSERS)
def test_a_parser_reads_or_refuses(name: str) -> None:
    parser, inputs, refusals = PARSERS[name]

    def read(value: Any) -> None:
        with suppress(*refusals):
            parser(value)

    throw("parsers", inputs, read, short=40, share=0.75 / len(PARSERS))
