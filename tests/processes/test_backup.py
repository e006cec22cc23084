"""`manage.py backup` and `restore`: every row comes back as it was; secrets stay encrypted on the way."""

import gzip
import json
import stat
import threading
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test import Client

from accounts.models import AuditEntry, Organization, User
from acton_hub.models import Heartbeat
from events import delivery
from events.models import Change
from instances.models import Instance
from processes import backup
from tests import rows
from tests.conftest import authorization
from tests.receiver import Receiver

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)


@pytest.fixture
def filled(user: User, receiver: Receiver) -> User:
    """A hub with something in each kind of table."""
    instance = rows.instance(user, receiver.url, signature_key="planted-key")
    rows.record(instance, rows.changes(25))
    delivery.deliver_batch("t", 100)
    rows.poll(instance)
    return user


def everything() -> dict[str, list[dict[str, Any]]]:
    """All rows with all values, but for the audit log, where backing up is noted."""
    return {
        model._meta.label: list(model._base_manager.order_by("pk").values())
        for model in backup.models_in_order()
        if model is not AuditEntry
    }


def without_secrets(found: dict[str, list[dict[str, Any]]]) -> Any:
    """Hashes belong to the key, and values of encrypted columns to the moment."""
    return {
        label: [{name: value for name, value in row.items() if not name.endswith("_hash")} for row in some]
        for label, some in found.items()
    }


def test_every_row_comes_back_as_it_was(filled: User, tmp_path: Path) -> None:
    path, before = tmp_path / "hub.backup", everything()
    assert sum(map(len, before.values())) > 70
    call_command("backup", str(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    Change.objects.all().delete()
    with pytest.raises(CommandError, match="--replace"):
        call_command("restore", str(path))
    call_command("restore", str(path), "--replace")
    assert everything() == before
    made = rows.instance(User.objects.get())
    assert made.pk > before["instances.Instance"][-1]["id"], "new ids go on behind the old ones"


def test_secrets_are_encrypted_on_the_way_and_keys_stay_out(filled: User, settings: Any, tmp_path: Path) -> None:
    path = tmp_path / "hub.backup"
    call_command("backup", str(path))
    text = gzip.decompress(path.read_bytes()).decode()
    instance = Instance.objects.get()
    for secret in (filled.secret, instance.token, "planted-key", instance.webhook_key, *settings.ENCRYPTION_KEYS):
        assert secret not in text
        assert json.dumps(secret)[1:-1] not in text
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(CommandError, match="ENCRYPTION_KEYS"):
        call_command("restore", str(path), "--replace")
    assert Organization.objects.exists(), "nothing was changed"


def test_with_its_keys_it_opens_on_a_hub_with_other_keys(filled: User, settings: Any, tmp_path: Path) -> None:
    path, before = tmp_path / "hub.backup", everything()
    header = authorization(filled)
    call_command("backup", str(path), "--with-keys")
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    call_command("restore", str(path), "--replace")
    assert without_secrets(everything()) == without_secrets(before)
    assert Client(headers=header).get("/instances").status_code == 200


@pytest.mark.parametrize("content", ["", "{}", "[1]\n", "x"])
@pytest.mark.parametrize("packed", [True, False])
def test_what_is_no_backup_changes_nothing(filled: User, tmp_path: Path, content: str, packed: bool) -> None:
    path, before = tmp_path / "other", everything()
    path.write_bytes(gzip.compress(content.encode()) if packed else content.encode())
    with pytest.raises(CommandError, match="no backup"):
        call_command("restore", str(path), "--replace")
    assert everything() == before


def test_a_file_that_was_cut_short_changes_nothing(filled: User, tmp_path: Path) -> None:
    path, before = tmp_path / "hub.backup", everything()
    call_command("backup", str(path))
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(CommandError, match="cut short"):
        call_command("restore", str(path), "--replace")
    assert everything() == before


def test_another_versions_tables_and_a_running_hub_are_refused(
    filled: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "hub.backup"
    call_command("backup", str(path))
    with pytest.raises(CommandError, match="exists"):
        call_command("backup", str(path))
    Heartbeat.objects.beat("dispatcher:here:1")
    with pytest.raises(CommandError, match="running"):
        call_command("restore", str(path), "--replace")
    monkeypatch.setattr(backup, "migrations", dict)
    with pytest.raises(CommandError, match="restore it with that version"):
        call_command("restore", str(path), "--replace")


def test_writers_go_on_meanwhile_and_it_is_of_one_moment(
    filled: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, before, values = tmp_path / "hub.backup", everything(), backup._values

    def write_elsewhere() -> None:
        Change.objects.update(record="written meanwhile")
        connection.close()

    def and_write(row: Any) -> Any:
        if isinstance(row, Organization):  # the first table that is read
            writer = threading.Thread(target=write_elsewhere)
            writer.start()
            writer.join(10)
            assert not writer.is_alive(), "a writer has to wait"
        return values(row)

    monkeypatch.setattr(backup, "_values", and_write)
    call_command("backup", str(path))
    assert Change.objects.filter(record="written meanwhile").count() == 25
    call_command("restore", str(path), "--replace")
    assert everything() == before


def test_half_a_backup_is_none(filled: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup, "_values", lambda row: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        call_command("backup", str(tmp_path / "hub.backup"))
    assert not (tmp_path / "hub.backup").exists()
    assert Organization.objects.update(name="the transaction has ended") == 1


def damaged(lines: list[bytes], how: str) -> bytes:
    """The file with something wrong behind its first line."""
    label, values = json.loads(lines[3])
    match how:
        case "no JSON":
            lines[3] = b'["instances.Instance", {"id": \n'
        case "no row":
            lines[3] = b"[1, 2]\n"
        case "no pair":
            lines[3] = b"7\n"
        case "unknown table":
            lines[3] = json.dumps(["events.Nothing", values]).encode() + b"\n"
        case "a column less":
            lines[3] = json.dumps([label, {"id": 1}]).encode() + b"\n"
        case "a value of another kind":
            lines[3] = json.dumps([label, values | {"id": "x"}]).encode() + b"\n"
        case "twice the same":
            lines.insert(3, lines[3])
        case "a row less":
            del lines[1]
        case "no text":
            lines[3] = b"\xff\xfe\n"
    packed = gzip.compress(b"".join(lines))
    return packed[:200] + b"\0" * 50 + packed[250:] if how == "bytes" else packed


@pytest.mark.parametrize(
    "how",
    ["no JSON", "no row", "no pair", "unknown table", "a column less", "a value of another kind", "twice the same",
     "a row less", "no text", "bytes"],
)  # fmt: skip
def test_a_file_damaged_behind_its_first_line_is_one_line_and_changes_nothing(
    filled: User, tmp_path: Path, how: str
) -> None:
    path = tmp_path / "hub.backup"
    call_command("backup", str(path))
    path.write_bytes(damaged(gzip.decompress(path.read_bytes()).splitlines(keepends=True), how))
    before = everything()
    with pytest.raises(CommandError) as refused:
        call_command("restore", str(path), replace=True)
    assert str(refused.value).startswith("file: ")
    assert "\n" not in str(refused.value)
    assert everything() == before
