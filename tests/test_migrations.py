"""The version before may go on serving while the migrations run, and after them (docs/operations.md, "Upgrade")."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db import migrations
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.models import NOT_PROVIDED

# The last ones of each app that nobody has served before.
FIRST = {
    "acton_hub": 1, "accounts": 3, "elements": 1, "instances": 3, "events": 6, "polling": 2, "console": 1, "sandbox": 2,
}  # fmt: skip
TAKES_AWAY = (migrations.RemoveField, migrations.RenameField, migrations.DeleteModel, migrations.RenameModel)


def operations() -> Iterator[tuple[str, Operation]]:
    loader = MigrationLoader(None)
    ours = {config.label for config in apps.get_app_configs() if Path(config.path).parent == settings.BASE_DIR}
    for (app, name), migration in sorted(loader.disk_migrations.items()):
        if app in ours and int(name[:4]) > FIRST.get(app, 0):
            yield from ((f"{app}.{name}", operation) for operation in migration.operations)


@pytest.mark.parametrize(("where", "operation"), [pytest.param(*each, id=each[0]) for each in operations()])
def test_the_version_before_can_write_after_a_migration(where: str, operation: Operation) -> None:
    """Django takes a plain default out of the database again: an INSERT without the column would fail."""
    assert not isinstance(operation, TAKES_AWAY), f"{where} takes away what the version before uses"
    if isinstance(operation, migrations.AddField):
        field = operation.field
        assert field.null or field.db_default is not NOT_PROVIDED, f"{where}: {operation.name} needs db_default"
