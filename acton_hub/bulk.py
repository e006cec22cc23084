"""Many rows by one statement, past Django's own way, which takes longer over each value than the database does.

SQLite gets a prepared statement that it runs for each row. PostgreSQL gets all rows as one JSON text: its driver looks
for quotes in each value of its own, in Python.
"""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, TypeAlias
from uuid import UUID

from django.db import connection, models
from django.db.transaction import TransactionManagementError

Field: TypeAlias = "models.Field[Any, Any]"
Row = dict[str, Any]  # names of attributes, `poller_id`, with their values; the same names in the same order in each


def insert(
    model: type[models.Model], rows: Sequence[Row], *, unique: Sequence[str] = (), update: Sequence[str] = ()
) -> None:
    """Insert the rows; where one is there that is like it in `unique`, that one's columns in `update` are set instead.

    Defaults of the model do not count, and no ids are given back (see `new_ids`). What the database refuses raises, as
    anywhere.
    """
    if not rows:
        return
    fields = {field.attname: field for field in model._meta.concrete_fields}
    names = ", ".join(rows[0])  # an attribute is called as its column
    sql = f"INSERT INTO {model._meta.db_table} ({names}) "
    if connection.vendor == "postgresql":
        types = ", ".join(f"{name} {_type(fields[name])}" for name in rows[0])
        sql += f"SELECT {names} FROM json_to_recordset(%s) AS rows ({types})"  # noqa: S608
    else:
        sql += f"VALUES ({', '.join('%s' for _ in rows[0])})"
    if unique:
        settings = ", ".join(f"{name} = excluded.{name}" for name in update)
        sql += f" ON CONFLICT ({', '.join(unique)}) DO UPDATE SET {settings}"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(sql, [json.dumps(rows, default=_as_text)])
        else:
            cursor.executemany(sql, [_adapted(model, row) for row in rows])


def insert_one(model: type[models.Model], row: Row) -> int:
    """Insert one row; its id. Defaults of the model do not count."""
    names, places = ", ".join(row), ", ".join("%s" for _ in row)
    sql = f"INSERT INTO {model._meta.db_table} ({names}) VALUES ({places}) RETURNING id"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(sql, list(row.values()) if connection.vendor == "postgresql" else _adapted(model, row))
        return int(cursor.fetchone()[0])


def new_ids(model: type[models.Model], count: int) -> list[int]:
    """Ids for so many rows, to be inserted with them; nobody else gets the same. Must be called inside a transaction.

    SQLite knows the last id that it gave (AUTOINCREMENT), and this transaction is the only one that writes.
    """
    if not connection.in_atomic_block:
        raise TransactionManagementError("Ids are only kept for rows of the same transaction.")
    table = model._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"SELECT nextval(pg_get_serial_sequence('{table}', 'id')) FROM generate_series(1, {count})")  # noqa: S608
            return [row[0] for row in cursor.fetchall()]
        cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [table])
        last = (cursor.fetchone() or (0,))[0]
    return list(range(last + 1, last + 1 + count))


def _type(field: Field) -> str:
    """Without a length: what is too long would be cut here, where the column refuses it."""
    return str(field.db_type(connection)).partition("(")[0]


def _as_text(value: Any) -> str:
    """What JSON has no kind of its own for. Raises TypeError for what no column here holds."""
    if isinstance(value, datetime | UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be stored in bulk")


def _adapted(model: type[models.Model], row: Row) -> list[Any]:
    """The row's values as SQLite takes them."""
    adapters = _adapters(model, tuple(row))
    return [adapt(value) if adapt else value for adapt, value in zip(adapters, row.values(), strict=True)]


@cache
def _adapters(model: type[models.Model], names: tuple[str, ...]) -> list[Callable[[Any], Any] | None]:
    kinds = {field.attname: type(field) for field in model._meta.concrete_fields}
    return [_BY_KIND.get(kinds[name]) for name in names]


@lru_cache(maxsize=64)  # many rows of a statement have the same
def _moment(value: datetime | None) -> str | None:
    return connection.ops.adapt_datetimefield_value(value)


def _hex(value: UUID) -> str:
    return value.hex


_BY_KIND: dict[type[Field], Callable[[Any], Any]] = {models.DateTimeField: _moment, models.UUIDField: _hex}
