"""Everything that comes in has a limit, and what is beyond it is refused with a message that names the field."""

import io
import json
from typing import Any

import pytest
from django.test import Client
from gunicorn.http.errors import InvalidChunkSize

from accounts.models import User
from acton_hub.wsgi import with_length
from elements import ceql
from instances.models import Instance
from polling.java_dates import read as read_date
from tests import rows
from tests.conftest import authorization

pytestmark = pytest.mark.django_db(databases="__all__")
JSON = "application/json"
MIB = 1024**2
DEEP: Any = {"bottom": True}
for _ in range(101):
    DEEP = {"a": DEEP}
CONFIGURATION = {
    "oauth.api.key": "k", "oauth.api.secret": "s", "oauth.callback.url": "https://app.example/auth",
    "event.notification.enabled": True, "event.notification.callback.url": "https://app.example/events",
}  # fmt: skip
POLLER = {"url": "/hubs/marketing/lists/{listId}/contacts", "idField": "id"}


def body(name: str = "x", tags: Any = None, **configuration: Any) -> dict[str, Any]:
    """A body of `POST /instances` whose dotted keys are written with underscores here."""
    given = {key.replace("_", "."): value for key, value in configuration.items()}
    whole = {"element": {"key": "acton"}, "providerData": {"code": "c"}, "name": name}
    return whole | {"configuration": CONFIGURATION | given} | ({"tags": tags} if tags is not None else {})


def with_poller(**fields: Any) -> dict[str, Any]:
    return body(event_poller_configuration={"contacts": POLLER | fields})


def dates(**fields: str) -> dict[str, Any]:
    return with_poller(datesConfiguration={"updatedDateField": "u"} | fields)


INSTANCES = [
    ("name", body(name="n" * 201)),
    ("name", body(name="<" * 100_000)),
    ("name", body(name="<a" * 100_000)),
    ("tags", body(tags=["t"] * 101)),
    ("tags.0", body(tags=["t" * 201])),
    ("providerData.code", body() | {"providerData": {"code": "c" * 2001}}),
    ("configuration.event.notification.callback.url", body(event_notification_callback_url="https://a/" + "c" * 2000)),
    ("configuration.oauth.api.key", body(oauth_api_key="k" * 2001)),
    ("configuration.acton.account", body(acton_account="a" * 201)),
    ("configuration.event.notification.signature.key", body(event_notification_signature_key="k" * 501)),
    ("configuration.event.notification.basic.password", body(event_notification_basic_password="p" * 501)),
    ("configuration.event.webhook.signature.header", body(event_webhook_signature_header="h" * 101)),
    ("configuration.event.poller.refresh_interval", body() | {
        "configuration": CONFIGURATION | {"event.poller.refresh_interval": "9" * 5000}}),
    ("configuration", body() | {"configuration": CONFIGURATION | {f"k{number}": 1 for number in range(501)}}),
    ("configuration.kkkk", body() | {"configuration": CONFIGURATION | {"k" * 201: 1}}),
    ("configuration.deep", body(deep=DEEP)),
    ("configuration.deep", body(deep="nul \0")),
    ("event.poller.configuration", body(event_poller_configuration=dict.fromkeys(map(str, range(51)), POLLER))),
    ("event.poller.configuration", body(event_poller_configuration={"r" * 201: POLLER})),
    ("event.poller.configuration", body(event_poller_configuration=json.dumps(DEEP))),
    ("event.poller.configuration", body(event_poller_configuration="[" * 100_000)),
    ("event.poller.configuration.contacts.url", with_poller(url="/lists/" + "l" * 2000)),
    ("event.poller.configuration.contacts.idField", with_poller(idField="i" * 201)),
    ("event.poller.configuration.contacts.pageSize", with_poller(pageSize=1001)),
    ("event.poller.configuration.contacts.pollDelay", with_poller(pollDelay=86_401)),
    ("event.poller.configuration.contacts.createdCheckTolerance", with_poller(createdCheckTolerance=10**30)),
    ("event.poller.configuration.contacts.lists.include", with_poller(lists={"include": ["l"] * 10_001})),
    ("event.poller.configuration.contacts.lists.include.0", with_poller(lists={"include": ["l" * 101]})),
    ("event.poller.configuration.contacts.datesConfiguration.updatedDateFormat", dates(updatedDateFormat="y" * 201)),
    ("contacts.datesConfiguration.updatedDateTimezone", dates(updatedDateTimezone="Z" * 101)),
]  # fmt: skip


@pytest.mark.parametrize(("field", "sent"), INSTANCES)
def test_an_instance_beyond_a_limit_is_refused_by_name_and_not_stored(
    api: Client, field: str, sent: dict[str, Any]
) -> None:
    answer = api.post("/instances", sent, content_type=JSON)
    assert answer.status_code == 400, answer.content[:300]
    assert field in answer.json()["message"]
    assert len(answer.content) < 2000, "what was too long is not said again"
    assert not Instance.objects.exists()


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/instances?pageSize=2001", "pageSize"),
        ("/instances?pageSize=0", "pageSize"),
        ("/instances?page=1000001", "page"),
        ("/instances?pageSize=" + "9" * 4500, "pageSize"),
        ("/notifications/subscriptions/deliveries?where=" + "(" * 60, "where"),
        ("/notifications/subscriptions/deliveries?where=" + "x" * 8001, "where"),
        ("/notifications/subscriptions/deliveries?where=" + "a='1' OR ".replace(" ", "%20") * 200 + "a='1'", "where"),
        ("/notifications/subscriptions/deliveries?where=a%20LIKE%20'" + "%25a" * 101 + "'", "where"),
        ("/instances/events/analytics?interval=minute&from=0", "interval"),
    ],
)
def test_a_query_beyond_a_limit_is_refused_by_name(api: Client, path: str, field: str) -> None:
    answer = api.get(path)
    assert answer.status_code == 400
    assert field in answer.json()["message"]


def test_a_body_of_more_than_2_mib_is_refused(api: Client) -> None:
    for path in ("/instances", "/notifications", "/events", "/hubs/marketing/lists"):
        answer = api.post(path, b" " * (2 * MIB + 1), content_type=JSON)
        assert answer.status_code in (401, 413), path
        if answer.status_code == 413:
            assert answer.json()["message"] == "body: is larger than 2 MiB."
    assert api.post("/instances", b" " * (2 * MIB), content_type=JSON).status_code == 400


def test_an_upload_that_announces_more_than_100_mib_is_refused_before_it_is_read(client: Client, user: User) -> None:
    row = rows.instance(user)
    header = authorization(user)["Authorization"] + f", Element {row.token}"
    announced = {"Content-Type": "multipart/form-data; boundary=x", "Content-Length": str(100 * MIB + 1)}
    answer = client.post("/hubs/marketing/lists", headers={"Authorization": header} | announced)
    assert (answer.status_code, answer.json()["message"]) == (413, "body: is larger than 100 MiB.")


def test_the_parts_of_an_upload_have_the_limits_of_a_body(client: Client, user: User) -> None:
    row = rows.instance(user)
    header = {"Authorization": authorization(user)["Authorization"] + f", Element {row.token}"}
    for part, status in (("[" * 100_000, 400), (json.dumps(DEEP), 400), ("x" * (2 * MIB + 1), 413)):
        answer = client.post("/hubs/marketing/lists", {"list": part}, headers=header)
        assert answer.status_code == status
        assert "list" in answer.json()["message"] or status == 413
    many = client.post("/hubs/marketing/lists", {f"f{number}": "x" for number in range(1001)}, headers=header)
    assert many.status_code == 400


class Chunks(io.BytesIO):
    """A body as gunicorn hands over one that comes in chunks; with `breaks` it ends in the middle of one."""

    def __init__(self, text: bytes, breaks: Exception | None = None) -> None:
        super().__init__(text)
        self.breaks = breaks

    def read(self, size: int | None = -1) -> bytes:
        piece = super().read(size)
        if not piece and self.breaks:
            raise self.breaks
        return piece


@pytest.mark.parametrize(
    ("text", "breaks", "length"),
    [
        (b"{}", None, 2),
        (b"", None, 0),
        (b"x" * (3 * MIB), None, 2 * MIB + 1),
        (b'{"half": ', OSError("gone"), 10),
        (b'{"half": ', InvalidChunkSize(b"x"), 10),
    ],
)
def test_a_body_in_chunks_gets_its_length_and_no_more_than_the_limit_is_read(
    text: bytes, breaks: Exception | None, length: int
) -> None:
    seen: dict[str, Any] = {}

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.update(environ)
        return []

    source = Chunks(text, breaks)
    with_length(app)({"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_TYPE": JSON, "wsgi.input": source}, None)
    assert seen["CONTENT_LENGTH"] == str(length)
    assert seen["wsgi.input"].read() == text[: 2 * MIB + 1]
    assert source.tell() <= 2 * MIB + 1


def test_a_form_in_chunks_must_tell_its_length() -> None:
    told: list[Any] = []
    environ = {"HTTP_TRANSFER_ENCODING": "Chunked", "CONTENT_TYPE": "multipart/form-data; boundary=x"}
    answer = with_length(lambda *_: [b"never"])(environ, lambda status, headers: told.append(status))
    assert told == ["411 Length Required"]
    assert b"Content-Length" in b"".join(answer)


def test_what_is_searched_for_costs_no_more_with_many_values() -> None:
    values = ", ".join(f"'{number}'" for number in range(1000))
    query = ceql.parse(f"a IN ({values})")
    found = [number for number in range(20_000) if ceql.matches(query, {"a": number}.get)]
    assert found == list(range(1000))


@pytest.mark.parametrize("pattern", ["d" * 200, "yyyy" * 50, "' '" * 60, "z" * 200, "S" * 200, "X z X z X z X z"])
def test_no_date_pattern_blows_up(pattern: str) -> None:
    for text in ("1" * 200, " " * 200, "a" * 200, "+01:00" * 30):
        try:
            read_date(pattern, text)
        except ValueError:
            continue
