"""Whatever an endpoint or a page is sent, it answers, and never with a 500."""

import json
from typing import Any

import pytest
from django.test import Client
from hypothesis import strategies as st

from accounts.models import User
from api.urls import urlpatterns
from console.urls import urlpatterns as console_patterns
from elements.acton import limits
from elements.acton.exceptions import ActOnError
from instances.models import Instance
from tests import rows
from tests.conftest import authorization
from tests.fuzz.conftest import throw
from tests.fuzz.inputs import texts, values
from tests.fuzz.test_parsers import KEYS

pytestmark = pytest.mark.django_db(databases="__all__")
FIELDS = [
    "name", "tags", "configuration", "element", "providerData", "topic", "from", "to", "status", "message", "severity",
    "config", "channel", "topics", "url", "resource", "dryRun", "redeliver", "propertyValue", "listname", "code", "key",
    "notification.webhook.failure.policy", "externalAuthentication", *KEYS,
]  # fmt: skip
PARAMETERS = [
    "pageSize", "page", "nextPage", "where", "fields", "tags[]", "topics[]", "from", "to", "interval", "accountIds[]",
    "instanceIds", "resource", "hydrate", "key", "apiKey", "apiSecret", "callbackUrl", "instance", "span", "before",
    "after", "object_id", "status", "tag", "type", "begin", "end", "code", "state", "next", "again", "q",
]  # fmt: skip
# Content-Length is left to the web server, which refuses one that is none.
HEADERS = [
    "Element-Instances", "Elements-Webhook-Id", "Elements-Webhook-Signature", "Accept", "Content-Type",
    "X-Forwarded-For", "Authorization", "If-None-Match", "Range", "Cookie", "Origin", "Access-Control-Request-Headers",
]  # fmt: skip
TYPES = ["application/json", "application/json", "text/plain", "", "multipart/form-data; boundary=x", "text/xml", "x"]
ROUTES = [str(pattern.pattern) for pattern in urlpatterns]
PAGES = [f"console/{pattern.pattern}" for pattern in console_patterns] + ["oauth/callback", "console/admin/login/"]
bodies = st.one_of(
    values(st.sampled_from(FIELDS)).map(lambda value: json.dumps(value).encode()),
    texts.map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.binary(max_size=60),
    st.just(b""),
)
headers = st.dictionaries(
    st.sampled_from(HEADERS), texts.filter(lambda text: text.isascii() and text.isprintable()), max_size=2
)


@st.composite
def paths(draw: st.DrawFn, routes: list[str]) -> str:
    """A route with ids in it: mostly those that are there."""
    route = draw(st.sampled_from(routes))
    while "<" in route:
        before, _, rest = route.partition("<")
        kind, _, after = rest.partition(">")
        if kind.startswith("int"):
            found = draw(st.sampled_from(["1", "1", "1", "0", "999999", "9" * 30]))
        else:
            words = ["acton", "csv", "ndjson", "l-0001", "l-0001:1", "..", "%2e", "%00", "x" * 300]
            found = draw(st.sampled_from(words) | st.text("abc-:%.", min_size=1, max_size=9))
        route = before + found + after
    return "/" + route


@pytest.fixture
def ids(user: User, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Something of everything, known by 1 wherever that is possible; Act-On is out of reach, at once."""

    def away(*args: Any, **given: Any) -> Any:
        raise ActOnError("Act-On could not be reached")

    monkeypatch.setattr(limits, "reserve_call", lambda *args, **given: 0.0)
    monkeypatch.setattr("elements.acton.client.request", away)
    row = rows.instance(user, "http://127.0.0.1:9/events", signature_key="k")
    rows.record(row, rows.changes(3))
    return {"1": str(row.pk)}


def _with_id(path: str, instance: Instance) -> str:
    return path.replace("instances/1", f"instances/{instance.pk}").replace("acton/1", f"acton/{instance.pk}")


def test_no_call_of_the_api_is_a_500(client: Client, user: User, ids: dict[str, str]) -> None:
    instance = Instance.objects.get()
    known = {"Authorization": authorization(user)["Authorization"] + f", Element {instance.token}"}
    client.raise_request_exception = False

    calls = st.tuples(
        paths(ROUTES), st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]), bodies,
        st.dictionaries(st.sampled_from(PARAMETERS), texts, max_size=3), headers, st.sampled_from(TYPES),
    )  # fmt: skip

    def call(given: tuple[str, str, bytes, dict[str, str], dict[str, str], str]) -> None:
        path, method, body, query, extra, kind = given
        path = _with_id(path, instance)
        answer = client.generic(method, path, body, content_type=kind, query_params=query, headers=known | extra)
        assert answer.status_code != 500
        assert not 300 <= answer.status_code < 400
        if b"".join(answer) and answer.status_code >= 400:
            assert answer.json()["message"]

    throw("endpoints", calls, call, short=250, share=0.2)


def test_no_page_is_a_500(client: Client, user: User, ids: dict[str, str]) -> None:
    instance = Instance.objects.get()
    client.raise_request_exception = False
    form = st.dictionaries(
        st.sampled_from(["name", "raw", "mode", "action", "code", "state", "password", "tags", "p-0-url", "p-0-others",
                         "p-TOTAL_FORMS", "p-INITIAL_FORMS", "api_key", "callback_url", "refresh_minutes", "enabled",
                         "further", "email", "role", "secret", "policy", "begin", "end", *PARAMETERS]),
        texts, max_size=6,
    )  # fmt: skip

    visits = st.tuples(
        paths(PAGES), st.booleans(), form, st.dictionaries(st.sampled_from(PARAMETERS), texts, max_size=3)
    )

    def visit(given: tuple[str, bool, dict[str, str], dict[str, str]]) -> None:
        path, post, sent, query = given
        client.force_login(user)
        path = _with_id(path, instance)
        answer = client.post(path, sent, query_params=query) if post else client.get(path, query_params=query)
        if answer.streaming:
            b"".join(answer)
        assert answer.status_code != 500

    throw("pages", visits, visit, short=150, share=0.05)
