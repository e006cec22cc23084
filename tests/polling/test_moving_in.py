"""Instances of the old platform, taken over with their ids and tokens."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import User
from instances.models import Instance
from polling.models import Poller
from tests.act_on import Sandbox
from tests.rows import instance

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def exported(pk: int, **changes: Any) -> dict[str, Any]:
    """An instance as the platform's API gave it out, with what it kept to itself added."""
    return {
        "id": pk,
        "name": f"Old {pk}",
        "token": f"old/token+{pk}=",
        "element": {"id": 30, "key": "acton", "hub": "marketing"},
        "tags": ["Docs"],
        "configuration": {
            "oauth.api.key": "my-key",
            "oauth.api.secret": "my-secret",
            "oauth.callback.url": "https://mycoolapp.com/auth",
            "acton.account": f"account-{pk}",
            "event.notification.enabled": "true",
            "event.notification.callback.url": "https://mycoolapp.com/events",
        },
        "refreshToken": f"refresh-{pk}",
    } | changes


def run(tmp_path: Path, rows: Any, *options: str) -> tuple[str, str]:
    path = tmp_path / "instances.json"
    path.write_text(rows if isinstance(rows, str) else json.dumps(rows), encoding="utf-8")
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("import_instances", str(path), *options, stdout=out, stderr=err)
    except CommandError as error:
        err.write(str(error))
    return out.getvalue(), err.getvalue()


def test_ids_and_tokens_stay_and_new_ids_do_not_collide(
    tmp_path: Path, user: User, api: Client, act_on: Sandbox
) -> None:
    out, err = run(tmp_path, [exported(431), exported(77)])
    assert "2 created, 0 unchanged, 0 refused" in out
    assert not err
    hub = Client(headers={"Authorization": f"User {user.secret}, Element old/token+431="})
    assert hub.get("/instances").json()["name"] == "Old 431"
    assert Poller.objects.count() == 2
    text = json.dumps(act_on.body())
    made = api.post("/instances", text, content_type="application/json").json()
    assert made["id"] > 431
    assert run(tmp_path, [exported(431), exported(77)])[0].endswith("0 created, 2 unchanged, 0 refused.\n")
    assert Instance.objects.count() == 3


def test_a_dry_run_stores_nothing(tmp_path: Path, user: User) -> None:
    out, _ = run(tmp_path, [exported(431)], "--dry-run")
    assert "Dry run, nothing stored: 1 created" in out
    assert not Instance.objects.exists()


def test_malformed_rows_are_named_by_line_and_the_rest_goes_on(tmp_path: Path, user: User) -> None:
    lines = [
        json.dumps(exported(1)),
        "{not json",
        json.dumps(exported(2, token="")),
        "",
        json.dumps(exported(3, configuration={"oauth.api.key": "********"})),
        json.dumps(exported(4, element={"key": "sfdc"})),
        json.dumps(exported(5, configuration=exported(5)["configuration"] | {"event.poller.refresh_interval": "0"})),
        json.dumps(exported(6)),
    ]
    out, err = run(tmp_path, "\n".join(lines))
    assert "2 created, 0 unchanged, 5 refused" in out
    for words in (
        "line 2: refused: is not valid JSON", "line 3: refused: token", "line 5: refused: configuration.oauth.api.key",
        "line 6: refused: element.key", "line 7: refused: configuration.event.poller.refresh_interval", "5 of 7 rows",
    ):  # fmt: skip
        assert words in err
    assert sorted(Instance.objects.values_list("pk", flat=True)) == [1, 6]


def test_what_belongs_to_somebody_else_is_refused(tmp_path: Path, user: User) -> None:
    row = instance(user)
    _, err = run(tmp_path, [exported(row.pk), exported(row.pk + 1, token=row.token)])
    assert "row 1: refused: id" in err
    assert "row 2: refused: token" in err


def test_the_old_platforms_hosts_get_a_warning(tmp_path: Path, user: User) -> None:
    old = {"event.notification.callback.url": "https://api.cloud-elements.com/elements/api-v2/events/acton"}
    _, err = run(tmp_path, [exported(1, configuration=exported(1)["configuration"] | old)])
    assert "row 1: warning: event.notification.callback.url" in err


def test_instances_of_one_account_share_a_connection(tmp_path: Path, user: User) -> None:
    shared = exported(1)["configuration"]
    run(tmp_path, [exported(1, configuration=shared), exported(2, configuration=shared)])
    first, second = Instance.objects.order_by("pk")
    assert first.connection == second.connection
    assert first.connection.refresh_token == "refresh-1"


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, user: User) -> None:
    assert "cannot be read" in run(tmp_path, "[1, 2")[1]
