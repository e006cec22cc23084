"""Who did what from where (CONTRACT §9), with no secret in it."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection, transaction
from django.test import Client, RequestFactory
from django.urls import resolve
from django.utils import timezone

from accounts import audit, bootstrap
from accounts.models import AuditEntry, Role, User
from tests import rows
from tests.act_on import Sandbox
from tests.console import pages

pytestmark = pytest.mark.django_db(databases="__all__")


def entries() -> list[tuple[str, str, str, str]]:
    return list(AuditEntry.objects.order_by("pk").values_list("who", "action", "target", "address"))


def test_a_change_by_the_api_is_noted_and_a_look_is_not(api: Client, user: User) -> None:
    instance = rows.instance(user)
    path = f"/elements/api-v2/instances/{instance.pk}/enabled"
    api.get("/instances")
    assert entries() == []
    assert api.delete(path).status_code == 200
    assert api.delete("/instances/999999/enabled").status_code == 404
    ((who, action, target, address),) = entries()
    assert (who, target, address) == (user.email, path, "127.0.0.1")
    assert "Disable" in action


def no_room(execute: Any, sql: str, *rest: Any) -> Any:
    """A database whose last room went to what was done: for the entry that tells of it there is none."""
    if sql.startswith("INSERT") and AuditEntry._meta.db_table in sql:
        raise OperationalError("database or disk is full")
    return execute(sql, *rest)


@pytest.mark.django_db(databases="__all__", transaction=True)
def test_what_was_done_is_told_though_the_log_has_no_room_and_its_entry_waits(api: Client, user: User) -> None:
    instance = rows.instance(user)
    with connection.execute_wrapper(no_room):
        assert api.delete(f"/instances/{instance.pk}/enabled").status_code == 200
        assert api.put(f"/instances/{instance.pk}/enabled").status_code == 200
        audit.write_waiting()
    assert entries() == []
    audit.write_waiting()
    audit.write_waiting()
    assert [action for _, action, _, _ in entries()] == ["Disable an instance: it is not polled", "Enable an instance"]
    assert [at for (at,) in AuditEntry.objects.order_by("pk").values_list("at")] == sorted(
        AuditEntry.objects.values_list("at", flat=True)
    )


@pytest.mark.django_db(databases="__all__", transaction=True)
def test_an_entry_that_waited_outlives_its_user_and_goes_with_its_organization(api: Client, user: User) -> None:
    other = bootstrap.create_organization("Other", "stranger@example.com")[1]
    instance = rows.instance(user)
    with connection.execute_wrapper(no_room):
        audit.record("of a gone organization", user=other, request=RequestFactory().get("/"))
        assert api.delete(f"/instances/{instance.pk}/enabled").status_code == 200
    other.delete()
    other.organization.delete()
    instance.delete()
    user.delete()
    audit.write_waiting()
    assert [(who, action) for who, action, _, _ in entries()] == [
        ("engineer@example.com", "Disable an instance: it is not polled")
    ]


@pytest.mark.django_db(databases="__all__", transaction=True)
def test_an_entry_whose_commit_failed_takes_no_other_entrys_place(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite takes an INSERT that the disk has no room for, and fails at its COMMIT."""

    def fails() -> None:
        raise OperationalError("database or disk is full")

    request = RequestFactory().get("/")
    with connection.execute_wrapper(no_room):
        audit.record("the first", user=user, request=request)
    with monkeypatch.context() as full:
        full.setattr(connection, "_commit", fails)
        audit.write_waiting()
    audit.record("the second", user=user, request=request)
    audit.write_waiting()
    assert {action for _, action, _, _ in entries()} == {"the first", "the second"}


@pytest.mark.django_db(databases="__all__", transaction=True)
def test_not_without_end_and_not_without_a_request(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "MOST_WAITING", 1)
    request = RequestFactory().get("/")
    with connection.execute_wrapper(no_room):
        with pytest.raises(OperationalError):
            audit.record("by the command line", user=user)
        audit.record("the first", user=user, request=request)
        with pytest.raises(OperationalError):
            audit.record("the second", user=user, request=request)
        with transaction.atomic(), pytest.raises(OperationalError):
            audit.record("undone with its transaction", user=user, request=request)
    audit.write_waiting()
    assert [action for _, action, _, _ in entries()] == ["the first"]


def test_log_ins_are_noted_and_what_was_typed_is_not(client: Client, user: User) -> None:
    user.set_password("correct horse")
    user.save()
    client.post("/console/login", {"username": "my-password-typed-here", "password": "wrong"})
    client.post("/console/login", {"username": user.email, "password": "wrong"})
    client.post("/console/login", {"username": user.email, "password": "correct horse"})
    client.post("/console/logout")
    assert [(who, action) for who, action, _, _ in entries()] == [
        ("unknown", "log in refused"), (user.email, "log in refused"), (user.email, "log in"), (user.email, "log out"),
    ]  # fmt: skip


def test_an_action_of_the_console_is_noted(client: Client, user: User) -> None:
    instance = rows.instance(user)
    client.force_login(user)
    client.post(f"/console/instances/{instance.pk}/enabled", {"enabled": "false"})
    path = f"/console/instances/{instance.pk}/enabled"
    assert entries()[-1] == (user.email, "console: Disable an instance", path, "127.0.0.1")


def test_what_was_done_in_the_console_is_told_by_a_sentence(client: Client, user: User) -> None:
    path = f"/console/instances/{rows.instance(user).pk}"
    client.force_login(user)
    client.post(f"{path}/paused", {"paused": "true"})
    client.post(f"{path}/paused", {"paused": "false"})
    client.post(f"{path}/poll", {"resource": "contacts"})
    client.post(f"{path}/backfill", {"resource": "contacts", "from": "soon"})  # refused
    client.post(f"{path}/delete", {"name": "Test instance"})
    assert [(action, target) for _, action, target, _ in entries()][1:] == [
        ("console: Pause an instance", f"{path}/paused"),
        ("console: Resume an instance", f"{path}/paused"),
        ("console: Poll now", f"{path}/poll contacts"),
        ("console: Delete an instance", f"{path} (Test instance)"),
    ]


def test_every_view_of_the_console_that_changes_something_has_a_sentence(client: Client, user: User) -> None:
    client.force_login(user)
    ids = {"instance_id": 999, "change_id": 999, "user_id": 999, "kind": "csv", "key": uuid.UUID(int=1)}
    silent = set()
    for name in pages.ROUTES.keys() - pages.OPEN:
        path = pages.path(name, ids)
        if client.post(path).status_code != 405 and not hasattr(resolve(path).func, "noted"):
            silent.add(name)
    assert silent == {"new", "finish", "authenticate", "signature"}, "these change nothing, or Act-On's answer does"


@pytest.mark.parametrize(
    ("method", "path", "body", "told"),
    [
        ("PATCH", "/accounts/settings", {"notification.webhook.failure.policy": "queue"},
         "notification.webhook.failure.policy: queue"),
        ("POST", "/instances/{id}/events/redeliver", {"status": "retry", "from": "2026-01-02"},
         "/instances/{id}/events/redeliver status=retry from=2026-01-02T00:00:00Z"),
        ("POST", "/instances/{id}/backfill", {"resource": "contacts", "from": 0, "dryRun": True},
         "/instances/{id}/backfill contacts, dry run"),
        ("PUT", "/notifications/subscriptions/deliveries", None,
         "/notifications/subscriptions/deliveries status=queued"),
        ("PUT", "/notifications/subscriptions/deliveries?where=status%3D'retry' and id in (7,8)", None,
         "/notifications/subscriptions/deliveries status=retry id=7,8"),
        ("PUT", "/notifications/subscriptions/deliveries?where=config.url%3D'https://a.example/k3y' and id>7", None,
         "/notifications/subscriptions/deliveries id>7 and more"),
        ("PUT", "/notifications/subscriptions/deliveries?where=status%3D'k3y' or id%3D'k3y'", None,
         "/notifications/subscriptions/deliveries and more"),
    ],
)  # fmt: skip
def test_the_log_tells_what_a_call_of_the_api_chose_and_nothing_else_of_it(
    api: Client, user: User, method: str, path: str, body: Any, told: str
) -> None:
    pk = rows.instance(user).pk
    url = path.format(id=pk)
    assert api.generic(method, url, json.dumps(body or {}), content_type="application/json").status_code == 200
    assert [target for _, _, target, _ in entries()] == [told.format(id=pk)]


def test_what_is_made_by_the_api_is_named(api: Client, user: User) -> None:
    for path, body in (
        ("/notifications/subscriptions", {"topics": ["a"], "config": {"url": "https://a.example/k3y"}}),
        ("/notifications", {"topic": "a", "message": "text"}),
    ):
        made = api.post(path, json.dumps(body), content_type="application/json").json()["id"]
        assert entries()[-1][2] == f"{path}/{made}"


@pytest.mark.django_db(databases="__all__", transaction=True)
def test_an_instance_that_was_made_by_the_api_is_named(api: Client, act_on: Sandbox) -> None:
    made = api.post("/instances", json.dumps(act_on.body()), content_type="application/json").json()["id"]
    assert entries()[-1][1:3] == ("Create an instance", f"/instances/{made}")


def test_admins_read_their_own_organizations_log(client: Client, user: User) -> None:
    other = bootstrap.create_organization("Other", "stranger@example.com")[1]
    audit.record("did one thing", user=user)
    audit.record("did another", user=other)
    client.force_login(user)
    text = client.get("/console/audit").content.decode()
    assert "did one thing" in text
    assert "did another" not in text


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", {"enabled", "log in", "add member"}),
        ("who=ENGINEER", {"enabled", "log in"}),
        ("did=Enabled", {"enabled"}),
        ("did=instances/7", {"enabled"}),
        ("kind=log-in", {"log in"}),
        ("kind=console", {"enabled"}),
        ("kind=command", {"add member"}),
        ("since=2026-03-02", {"add member"}),
        ("until=2026-03-01T23:59:59", {"enabled", "log in"}),
        ("until=2026-03-01T23:59", set()),
        ("since=2026-03-01T23:59&until=2026-03-02T00:00", {"enabled", "log in"}),
        ("since=2026-03-01&until=2026-03-02&who=command", set()),
        ("since=2026-03-02&until=2026-03-01", set()),
        ("since=yesterday", set()),
        ("until=9999-12-31", {"add member", "enabled", "log in"}),
        ("since=0001-01-01", {"add member", "enabled", "log in"}),
    ],
)
def test_the_log_is_narrowed_down_by_its_url(client: Client, user: User, query: str, shown: set[str]) -> None:
    client.force_login(user)
    AuditEntry.objects.all().delete()
    organization = user.organization
    for who, action, target, address, day in (
        (user.email, "log in", "", "127.0.0.1", 1),
        (user.email, "console: enabled", "/console/instances/7/enabled", "127.0.0.1", 1),
        ("command line", "add member", "new@example.com", "", 2),
    ):
        at = datetime(2026, 3, day, 23, 59, 59, tzinfo=UTC)
        AuditEntry.objects.create(
            organization=organization, who=who, action=action, target=target, address=address, at=at
        )
    text = client.get(f"/console/audit?{query}").content.decode()
    table = text.partition("<tbody>")[2]
    assert {
        word for word in ("enabled", "log in", "add member") if f">{word}<" in table or f": {word}<" in table
    } == shown


def test_behind_a_proxy_its_word_is_taken_and_else_it_is_not(client: Client, user: User, settings: Any) -> None:
    client.force_login(user)
    instance = rows.instance(user)
    for trusted in (False, True):
        settings.BEHIND_PROXY = trusted
        client.post(
            f"/console/instances/{instance.pk}/enabled",
            {"enabled": "true"},
            headers={"X-Forwarded-For": "6.6.6.6, 203.0.113.9"},
        )
    assert [address for _, action, _, address in entries() if action == "console: Enable an instance"] == [
        "127.0.0.1", "203.0.113.9",
    ]  # fmt: skip


def test_members_are_made_from_the_command_line(user: User, capsys: Any) -> None:
    call_command("add_member", "new@example.com", "--role", "operator")
    member = User.objects.get(email="new@example.com")
    assert member.role == Role.OPERATOR
    assert member.organization == user.organization
    printed = capsys.readouterr().out
    assert member.secret in printed
    assert member.check_password(printed.split(" / ")[1].strip())
    assert entries() == [("command line", "add member", "new@example.com (operator)", "")]


def test_old_entries_go(user: User) -> None:
    audit.record("long ago", user=user)
    audit.record("today", user=user)
    AuditEntry.objects.filter(action="long ago").update(at=timezone.now() - audit.KEPT - timedelta(days=1))
    assert audit.prune(timezone.now()) == 1
    assert [action for _, action, _, _ in entries()] == ["today"]
