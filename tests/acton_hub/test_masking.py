"""MASKED_FIELDS: their values are on no page, in no export and in no log line, and whole in what is sent."""

import json
import logging
from typing import Any

import pytest
from django.test import Client, override_settings
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import AuditEntry, User
from acton_hub import log, masking
from elements.acton import connections
from elements.acton.exceptions import ActOnError
from events import delivery, outbox
from events.changes import NewChange
from events.models import Attempt, Change, Delivery, Event, Notification, Subscription, TrackedObject
from tests import rows
from tests.conftest import authorization
from tests.receiver import Receiver

EMAIL, PHONE = "jane.masked@example.com", "+1 555 0100"
NAMES = ["email", "Phone"]


@pytest.fixture
def _masked(settings: Any) -> None:
    settings.MASKED_FIELDS = NAMES


@pytest.mark.usefixtures("_masked")
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"refused Email={EMAIL} status=400", "refused Email=******** status=400"),
        (f"bad where: Email = '{EMAIL}' AND x='1'", "bad where: Email = ******** AND x='1'"),
        (f'{{"Email": "{EMAIL}", "City": "Rome"}}', '{"Email": ********, "City": "Rome"}'),
        (f"{{'EMAIL': '{EMAIL}', 'City': 'Rome'}}", "{'EMAIL': ********, 'City': 'Rome'}"),
        (r"{\"Email\": \"a@b.c\", \"City\": \"Rome\"}", r"{\"Email\": ********, \"City\": \"Rome\"}"),
        (r'"Email": "with \" inside", "City": 1', '"Email": ********, "City": 1'),
        ('cut off: "Email": "jane.mas', 'cut off: "Email": ********'),
        ("phone:12345, other", "phone:********, other"),
        ("MyEmail=a@b.c EmailX=a@b.c", "MyEmail=a@b.c EmailX=a@b.c"),
    ],
)
def test_words_lose_the_values_behind_the_names(text: str, shown: str) -> None:
    assert masking.in_words(text) == shown


@pytest.mark.usefixtures("_masked")
def test_values_are_masked_at_whatever_depth_and_nothing_stays_nothing() -> None:
    value = {"EMAIL": EMAIL, "a": [{"phone": 1, "Phone": ""}], "b": {"Email": None}, "text": f'{{"Email": "{EMAIL}"}}'}
    shown = masking.in_value(value)
    assert shown == {
        "EMAIL": "********", "a": [{"phone": "********", "Phone": ""}], "b": {"Email": None},
        "text": '{"Email": ********}',
    }  # fmt: skip
    assert json.loads(masking.in_json(json.dumps(value))) == shown


@given(st.text(), st.text("abcdefäß'\"\\\\ ,:;{}[]", min_size=4))
def test_no_value_of_json_comes_through(before: str, value: str) -> None:
    with override_settings(MASKED_FIELDS=NAMES):
        text = json.dumps({"x": "y", "Email": f"<{value}>"}, ensure_ascii=False)
        for shown in (masking.in_json(text), masking.in_words(f"{before!r} {text}")):
            assert json.dumps(f"<{value}>", ensure_ascii=False)[1:-1] not in shown


@pytest.mark.django_db(databases="__all__", transaction=True)
@pytest.mark.usefixtures("_masked")
def test_pages_exports_and_lines_mask_and_what_is_sent_is_whole(
    client: Client, user: User, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    row = rows.instance(user, receiver.url)
    record = json.dumps({"_contact_id_": "l-0001:1", "Email": EMAIL, "Phone": PHONE, "City": "Rome"})
    before = json.dumps({"Email": f"old-{EMAIL}"})
    rows.record(row, [NewChange("l-0001:1", "1:x", "UPDATED", 1, 1, record, before)])
    delivery.deliver_batch("test", 10)
    (got,) = receiver.received
    assert EMAIL in got.body.decode()
    assert PHONE in got.body.decode()
    Attempt.objects.update(response=f'{{"seen": {{"Email": "{EMAIL}", "cut": "', error=f"no Email={EMAIL}")
    tracked = {"version": "1", "record": record, "sequence": 1}
    TrackedObject.objects.update_or_create(poller=row.pollers.get(), object_id="l-0001:1", defaults=tracked)
    User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=True)
    client.force_login(user)
    change = Change.objects.get()
    admin = [
        f"/console/admin/events/{model._meta.model_name}/{model._default_manager.latest('pk').pk}/change/"
        for model in (Change, Event, Notification, Attempt, Delivery, TrackedObject)
    ]
    exports = ["/console/events.csv", "/console/events.ndjson"]
    shown = ""
    for path in ("/console/events", f"/console/events/{change.pk}", *exports, *admin):
        answer = client.get(path)
        assert answer.status_code == 200, path
        shown += b"".join(answer).decode()
    assert "Rome" in shown
    assert "********" in shown
    assert EMAIL not in shown
    assert PHONE not in shown
    api = Client(headers=authorization(user))
    assert EMAIL in api.get(f"/instances/{row.pk}/events").content.decode(), "the API answers what is delivered"


@pytest.mark.django_db(databases="__all__")
@pytest.mark.usefixtures("_masked")
def test_an_address_in_a_path_is_in_neither_log_nor_audit_log(
    client: Client, user: User, caplog: pytest.LogCaptureFixture
) -> None:
    row = rows.instance(user)
    header = authorization(user)["Authorization"] + f", Element {row.token}"
    with caplog.at_level(logging.INFO):
        path = f"/hubs/marketing/subscription-types/News/optout/{EMAIL}"
        assert client.patch(path, headers={"Authorization": header, "Accept": "text/xml"}).status_code == 406
    assert "optout/********" in caplog.text
    assert EMAIL not in caplog.text
    assert not AuditEntry.objects.filter(target__contains=EMAIL).exists()


def formatted(kind: logging.Formatter, message: str, *args: Any) -> str:
    return kind.format(logging.LogRecord("x", logging.INFO, "f", 1, message, args, None))


def test_every_line_of_a_request_names_it() -> None:
    told = log.request_id.set("abc123")
    try:
        assert (
            formatted(log.Lines("%(message)s"), "refreshed connection=%s", 7)
            == "refreshed connection=7 request_id=abc123"
        )
        assert json.loads(formatted(log.JSONLines(), "refreshed connection=%s", 7))["request_id"] == "abc123"
        assert formatted(log.Lines("%(message)s"), "refused request_id=%s", "x") == "refused request_id=x"
    finally:
        log.request_id.reset(told)
    assert formatted(log.Lines("%(message)s"), "polled poll=%s", 7) == "polled poll=7"


@pytest.mark.django_db(databases="__all__")
def test_a_request_is_named_while_it_is_answered_and_no_longer(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr("instances.models.Instance.objects.filter", lambda *a, **k: seen.append(log.request_id.get()))
    api.raise_request_exception = False
    answer = api.get("/instances")
    assert seen == [answer.headers["Elements-Request-Id"]]
    assert log.request_id.get() == ""


@pytest.mark.django_db(databases="__all__", transaction=True)
def test_deliveries_that_fail_and_that_are_accepted_are_told_with_their_ids(
    user: User, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    row = rows.instance(user, receiver.url)
    receiver.answers = [500, 200]
    rows.record(row, rows.changes(1))
    with caplog.at_level(logging.INFO):
        delivery.deliver_batch("test", 10)
        Delivery.objects.update(next_attempt_at=timezone.now())
        Subscription.objects.update(not_before=None)
        delivery.deliver_batch("test", 10)
    made = Delivery.objects.get()
    ids = f"delivery={made.pk} notification={made.notification_id} instance={row.pk}"
    assert f"delivery failed {ids}" in caplog.text
    assert f"delivered instance={row.pk} subscription={made.subscription_id} deliveries={made.pk}" in caplog.text
    assert outbox.logger.name == "events.outbox"


@pytest.mark.django_db(databases="__all__")
@pytest.mark.usefixtures("_masked")
def test_what_act_on_says_of_a_failure_is_masked_before_it_is_stored(user: User) -> None:
    row = rows.instance(user)
    error = ActOnError("Act-On refused", provider_message=f'{{"Email": "{EMAIL}"}} is wrong')
    connections.mark_refused(row.connection, error)
    row.connection.refresh_from_db()
    assert row.connection.problem == '{"Email": ********} is wrong'


@pytest.mark.parametrize(
    "spelled",
    [
        'a/b+c "d&\u00fc',
        "a%2Fb%2Bc%20%22d%26%C3%BC",  # in the path of a URL
        "a%2Fb%2Bc+%22d%26%C3%BC",  # in a form
        'a/b+c \\"d&\\u00fc',  # in JSON
        'a\\/b+c \\"d&\\u00fc',  # in PHP's
        "a/b+c &quot;d&amp;\u00fc",
    ],
)
def test_an_answer_loses_a_secret_however_it_spells_it(spelled: str) -> None:
    assert (
        masking.without(['a/b+c "d&\u00fc'], f"you sent <{spelled}>, didn't you") == "you sent <********>, didn't you"
    )
