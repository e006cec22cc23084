"""How the database goes about a statement: which tables it reads from end to end."""

import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from django.apps import apps
from django.db import connection


@contextmanager
def plans() -> Iterator[dict[str, str]]:
    """Statement → its plan, of every statement that runs in the block."""
    found: dict[str, str] = {}

    def explain(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        if sql.split(maxsplit=1)[0] in ("SELECT", "UPDATE", "DELETE", "WITH") and not many:
            word = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
            with closing(connection.connection.cursor()) as cursor:
                text = sql if connection.vendor == "postgresql" else sql.replace("%s", "?")
                cursor.execute(f"{word} {text}", params or ())
                found[sql] = "\n".join(str(row[-1]) for row in cursor.fetchall())
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        yield found


PARTIAL = {
    index.name for model in apps.get_models() for index in model._meta.indexes if index.condition is not None
}  # fmt: skip


def scanned(plan: str, tables: set[str]) -> set[str]:
    """The tables that the plan reads from end to end, or by an index that holds all of their rows."""
    if connection.vendor == "postgresql":
        return tables & set(re.findall(r"Seq Scan on (\w+)", plan))
    found = re.findall(r"^SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?", plan, re.MULTILINE)
    return tables & {table for table, index in found if index not in PARTIAL}
