import base64
import json
import time
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from sandbox import inbox as inboxes
from sandbox.models import Inbox, Message
from sandbox.signatures import signature, verdict
from tests.cut import cut_short

pytestmark = pytest.mark.django_db(databases=["default", "sandbox"])
BODY = b'{"a":  1}'


def send(client: Client, body: bytes = BODY, method: str = "POST", headers: dict[str, str] | None = None) -> Any:
    return client.generic(method, "/sandbox/inbox/first", body, content_type="application/json", headers=headers or {})


def received(client: Client, query: str = "") -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = client.get(f"/sandbox/inbox/first.json{query}").json()["messages"]
    return messages


def test_callback_is_counted_and_kept_byte_by_byte(client: Client) -> None:
    assert send(client).json() == {"received": 1}
    assert send(client, b"\xff", "PUT", {"Elements-Webhook-Id": "7"}).json() == {"received": 2}
    first, second = received(client)
    assert base64.b64decode(first["body_base64"]) == BODY
    assert (first["text"], first["json"], first["status"]) == (BODY.decode(), {"a": 1}, 200)
    assert base64.b64decode(second["body_base64"]) == b"\xff"
    assert second["headers"]["Elements-Webhook-Id"] == "7"
    assert second["json"] is None
    assert received(client, f"?after={first['id']}") == [second]


def test_inbox_that_got_nothing_yet_is_empty(client: Client) -> None:
    assert client.get("/sandbox/inbox/first.json").json() == {"count": 0, "messages": []}
    assert client.get("/sandbox/inbox/first").status_code == 200
    assert not Inbox.objects.exists()


def test_signature_is_checked_with_the_inboxs_key(client: Client, control: Any) -> None:
    send(client, headers={"Elements-Webhook-Signature": signature("k/ey=", BODY)})
    send(client, headers={"Elements-Webhook-Signature": signature("other", BODY)})
    send(client)
    assert {message["signature"] for message in received(client)} == {"no key"}
    assert control("PUT", "/inboxes/first", {"key": "k/ey="}).status_code == 200
    assert [message["signature"] for message in received(client)] == ["valid", "invalid", "missing"]
    page = client.get("/sandbox/inbox/first").content.decode()
    assert page.index("not signed") < page.index("signature does not hold") < page.index("signature holds")


def test_signature_is_the_platforms() -> None:
    # printf body | openssl dgst -sha256 -hmac key -binary | base64
    assert signature("key", b"body") == "sha256=UVquEztDXUAAlWcx9orlz164XU8NxqVG0r/NNZXsGuE="


@given(st.text(min_size=1), st.binary(), st.binary())
def test_signature_holds_for_exactly_the_signed_bytes(key: str, body: bytes, other: bytes) -> None:
    assert verdict(key, body, signature(key, body)) == "valid"
    assert verdict(key, other, signature(key, body)) == ("valid" if other == body else "invalid")


def test_faults_last_for_their_number_of_callbacks(client: Client, control: Any) -> None:
    fault = {"status": 503, "retry_after_s": 9, "times": 2}
    assert control("PUT", "/inboxes/first", {"fault": fault}).json()["fault"]["times"] == 2
    answers = [send(client) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 503, 200]
    assert [answer.headers.get("Retry-After") for answer in answers] == ["9", "9", None]
    assert [message["status"] for message in received(client)] == [503, 503, 200]


def test_redirect_and_end_of_fault(client: Client, control: Any) -> None:
    control("PUT", "/inboxes/first", {"fault": {"location": "http://example.com/"}})
    answer = send(client)
    assert (answer.status_code, answer.headers["Location"]) == (302, "http://example.com/")
    control("PUT", "/inboxes/first", {"fault": None})
    assert send(client).status_code == 200


def test_slow_and_dropped(client: Client, control: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    control("PUT", "/inboxes/first", {"fault": {"delay_ms": 2_500, "drop": True}})
    answer = send(client)
    assert waited == [2.5]
    assert int(answer.headers["Content-Length"]) > len(answer.content)
    assert received(client)[0]["status"] == 0


def test_a_body_cut_short(client: Client, control: Any) -> None:
    control("PUT", "/inboxes/first", {"fault": {"truncate": True, "times": 1}})
    answer = send(client)
    assert (answer.status_code, received(client)[0]["status"]) == (200, 200)
    assert int(answer.headers["Content-Length"]) > len(answer.content)
    assert json.loads(send(client).content) == {"received": 2}


def test_inbox_is_cleared_and_deleted(client: Client, control: Any) -> None:
    send(client)
    assert control("DELETE", "/inboxes/first/messages").json() == {"deleted": 1}
    assert received(client) == []
    assert control("DELETE", "/inboxes/first").status_code == 200
    assert control("GET", "/inboxes/first").status_code == 404


def test_only_the_newest_messages_are_kept(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inboxes, "KEPT_MESSAGES", 2)
    monkeypatch.setattr(inboxes, "PRUNE_EVERY", 1)
    for number in range(4):
        send(client, str(number).encode())
    assert [message["text"] for message in received(client)] == ["2", "3"]


def test_form_of_the_page_sets_key_and_fault(client: Client) -> None:
    client.post("/sandbox/inbox/first/settings", {"key": "k"})
    client.post("/sandbox/inbox/first/fault", {"status": "500", "delay_ms": "0", "times": "1"})
    assert Inbox.objects.get().key == "k"
    assert b"answers with a fault" in client.get("/sandbox/inbox/first").content
    assert send(client).status_code == 500
    client.post("/sandbox/inbox/first/fault", {"location": "/x", "delay_ms": "0"})
    assert client.post("/sandbox/inbox/first/fault", {"end": "1"}).status_code == 302
    assert send(client).status_code == 200
    refused = client.post("/sandbox/inbox/first/fault", {"status": "7", "delay_ms": "0"})
    assert refused.status_code == 400
    client.post("/sandbox/inbox/first/clear")
    assert not Message.objects.exists()


def test_message_is_shown_escaped(client: Client) -> None:
    send(client, b'{"a": "<script>"}')
    page = client.get("/sandbox/inbox/first").content
    assert b"&lt;script&gt;" in page
    assert b"<script>" not in page


def test_callbacks_need_no_csrf_token_and_forms_do() -> None:
    strict = Client(enforce_csrf_checks=True)
    assert send(strict).status_code == 200
    assert strict.post("/sandbox/inbox/first/clear").status_code == 403


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_what_was_cut_short_is_not_kept(live_server: Any) -> None:
    said = cut_short(f"{live_server.url}/sandbox/inbox/first", {"Content-Type": "application/json"}, "{", 20)
    assert " 400 " in said
    assert not Message.objects.exists()
