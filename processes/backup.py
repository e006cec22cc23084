"""The hub's tables in one file, consistent while it runs, and back: JSON lines, the same for SQLite and PostgreSQL.

What is encrypted in the database is encrypted in the file; the keys are in it only where that is asked for. So a hub
also moves from one kind of database to the other.
"""

import gzip
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from cryptography.fernet import Fernet, MultiFernet
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.color import no_style
from django.core.serializers import sort_dependencies
from django.db import DataError, IntegrityError, connection, models, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

import acton_hub
from acton_hub.encryption import EncryptedTextField, encrypt, rehash
from acton_hub.models import Heartbeat

FORMAT = 1
BATCH = 500
# The hub's own; sessions, the queue and the counts of failed log-ins begin anew.
APPS = ("accounts", "elements", "instances", "events", "polling", "alerts")


class RestoreRefused(Exception):
    """The file cannot be restored here; nothing was changed."""


def models_in_order() -> list[type[models.Model]]:
    """Every table of the hub's, those first that others point to."""
    lists = [(config, list(config.get_models())) for config in map(apps.get_app_config, APPS)]
    return list(sort_dependencies(lists))


def migrations() -> dict[str, str]:
    """The newest applied migration of each app: which form the tables have."""
    applied = sorted(MigrationRecorder(connection).applied_migrations())
    return {app: name for app, name in applied if app in APPS}


def write(path: Path, *, with_keys: bool) -> int:
    """Write a backup, readable by its owner alone; returns the number of rows. Raises OSError.

    It is of one moment, though the hub may write meanwhile.
    """
    head: dict[str, Any] = {"format": FORMAT, "version": acton_hub.__version__, "migrations": migrations()}
    if with_keys:
        head["encryption_keys"] = list(settings.ENCRYPTION_KEYS)
    path.touch(mode=0o600)
    try:
        with gzip.open(path, "wt", encoding="utf-8") as file, _one_moment():
            return _write(file, head)
    except BaseException:
        path.unlink()  # half a backup is none
        raise


@contextmanager
def _one_moment() -> Iterator[None]:
    """All that is read is of one moment, and writers go on: Django's own transactions on SQLite would lock them out."""
    begin = "BEGIN DEFERRED"
    if connection.vendor == "postgresql":
        begin = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
    with connection.cursor() as cursor:
        cursor.execute(begin)
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")


def _write(file: TextIO, head: dict[str, Any]) -> int:
    file.write(json.dumps(head) + "\n")
    count = 0
    for model in models_in_order():
        for row in model._base_manager.order_by("pk").iterator(chunk_size=BATCH):
            file.write(json.dumps([model._meta.label, _values(row)], default=_as_text) + "\n")
            count += 1
    return count


def _as_text(value: Any) -> str:
    """Moments to the microsecond, where Django's own encoder has milliseconds; and UUIDs."""
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _values(row: models.Model) -> dict[str, Any]:
    shown = {}
    for field in row._meta.concrete_fields:
        value = getattr(row, field.attname)
        encrypted = isinstance(field, EncryptedTextField) and value
        shown[field.attname] = encrypt(value) if encrypted else value
    return shown


def read(path: Path, *, replace: bool) -> int:
    """Put a backup's rows into this hub's tables, in one transaction; returns their number.

    Raises RestoreRefused, with the line at fault where it is damaged, OSError, and cryptography.fernet.InvalidToken
    where the keys are not here and not in it.
    """
    try:
        return _read(path, replace=replace)
    except EOFError:
        raise RestoreRefused("The file was cut short.") from None
    except (zlib.error, gzip.BadGzipFile, UnicodeDecodeError):
        raise RestoreRefused("The file is damaged.") from None
    except IntegrityError as error:  # rows that others point to, looked at when all are there
        raise RestoreRefused(f"Rows are missing in it: {str(error).partition(chr(10))[0]}") from None


def _read(path: Path, *, replace: bool) -> int:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        head = _head(file)
        keys = [*settings.ENCRYPTION_KEYS, *head.get("encryption_keys", [])]
        cipher = MultiFernet([Fernet(key) for key in keys])
        with transaction.atomic():
            _make_room(replace=replace)
            count = 0
            for count, line in enumerate(file, 1):
                _put(line, count + 1, cipher)
            _reset_sequences()
    return count


def _put(line: str, number: int, cipher: MultiFernet) -> None:
    """Raises RestoreRefused for a line that is no row of this hub's, and InvalidToken where its keys are not here."""
    try:
        _row(line, cipher).save_base(raw=True, force_insert=True)  # raw: dates stay what they were
    except (ValueError, TypeError, KeyError, AttributeError, LookupError, ValidationError) as error:
        raise RestoreRefused(f"Line {number} is damaged ({type(error).__name__}).") from None
    except (IntegrityError, DataError) as error:
        reason = str(error).partition("\n")[0]
        raise RestoreRefused(f"Line {number} does not fit what stands before it: {reason}") from None


def _head(file: Any) -> dict[str, Any]:
    try:
        head = json.loads(file.readline())
        fits = head["format"] == FORMAT
    except (ValueError, KeyError, TypeError, gzip.BadGzipFile):
        raise RestoreRefused("This is no backup of Acton Hub.") from None
    if not fits or head["migrations"] != migrations():
        raise RestoreRefused(
            f"The backup is of version {head.get('version')}, whose tables are others: restore it with that version, "
            "then upgrade."
        )
    return dict(head)


def _make_room(*, replace: bool) -> None:
    if Heartbeat.objects.young(timezone.now()).exists():
        raise RestoreRefused("The hub is running: stop its workers first.")
    filled = [model for model in models_in_order() if model._base_manager.exists()]
    if filled and not replace:
        raise RestoreRefused("There are rows already; --replace deletes them first.")
    for model in reversed(filled):
        model._base_manager.all()._raw_delete(connection.alias)


def _row(line: str, cipher: MultiFernet) -> models.Model:
    label, values = json.loads(line)
    row: models.Model = apps.get_model(label)()
    for field in row._meta.concrete_fields:
        value = values[field.attname]
        if isinstance(field, EncryptedTextField) and value:
            value = cipher.decrypt(value.encode()).decode()
        setattr(row, field.attname, value if isinstance(field, models.JSONField) else field.to_python(value))
    rehash(row)
    return row


def _reset_sequences() -> None:
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), models_in_order()):
            cursor.execute(statement)
