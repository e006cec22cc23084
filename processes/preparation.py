"""What must be there before the processes start: tables, static files, and somebody who can sign in.

All of it looks first and works only where something changed, since every start waits for it.
"""

import hashlib
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import OperationalError, connections
from django.db.migrations.executor import MigrationExecutor

from accounts import bootstrap
from processes.dispatcher import forget_dead


def prepare() -> bootstrap.Bootstrapped:
    """Bring databases and static files up to date. Raises ImproperlyConfigured where a database does not answer."""
    for alias in settings.DATABASES:
        migrate(alias)
    collect_static_files()
    bootstrapped = bootstrap.ensure()
    forget_dead()
    return bootstrapped


def migrate(alias: str) -> None:
    try:
        pending = unapplied(alias)
    except OperationalError as error:
        reason = " ".join(str(error).split())
        name = "DATABASE_URL" if alias == "default" else f"The database {alias!r}"
        raise ImproperlyConfigured(f"{name} cannot be used: {reason}") from error
    if pending:
        call_command("migrate", database=alias, interactive=False, verbosity=0)


def unapplied(alias: str) -> bool:
    """Whether the database lacks a migration of this release."""
    executor = MigrationExecutor(connections[alias])
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def collect_static_files() -> None:
    """Run collectstatic when a source file, or the way of storing, is another than last time."""
    mark = Path(settings.STATIC_ROOT).with_name("static.sha256")
    fingerprint = fingerprint_of_static_files()
    if mark.is_file() and mark.read_text(encoding="ascii") == fingerprint and Path(settings.STATIC_ROOT).is_dir():
        return
    call_command("collectstatic", interactive=False, verbosity=0)
    mark.write_text(fingerprint, encoding="ascii")


def fingerprint_of_static_files() -> str:
    """Changes with the name, size or time of any static file."""
    digest = hashlib.sha256(settings.STORAGES["staticfiles"]["BACKEND"].encode())
    for finder in get_finders():
        for path, storage in sorted(finder.list([]), key=lambda found: str(found[0])):
            stat = Path(storage.path(path)).stat()
            digest.update(f"{path}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()
