"""What a hub's first start makes before anybody is in it, made once for all hubs of a test process, and copied.

A first start spends four fifths of its processor time on it.
"""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from functools import cache
from pathlib import Path

from tests.servers import database_on

CHECKOUT = Path(__file__).resolve().parent.parent
KEYS = shutil.ignore_patterns("secret_key", "encryption_keys")  # each hub makes its own
SCRIPT = """
import django
django.setup()
from django.conf import settings
from processes import preparation
for alias in settings.DATABASES:
    preparation.migrate(alias)
preparation.collect_static_files()
"""
_made = ExitStack()
atexit.register(_made.close)


def copy_to(folder: Path) -> None:
    """Make a hub's folder: empty SQLite databases with every table, and the collected static files."""
    shutil.copytree(_folder(), folder, ignore=KEYS, dirs_exist_ok=True)


@cache
def _folder() -> Path:
    folder = Path(_made.enter_context(tempfile.TemporaryDirectory(prefix="migrated-")))
    _prepare(folder)
    return folder


@cache
def database(server: str) -> str:
    """The URL of an empty database with every table, on that PostgreSQL server, to copy with CREATE DATABASE."""
    url = _made.enter_context(database_on(server))
    with tempfile.TemporaryDirectory(prefix="migrated-") as folder:
        _prepare(Path(folder), DATABASE_URL=url)
    return url


def _prepare(folder: Path, **more: str) -> None:
    settings = {"DJANGO_SETTINGS_MODULE": "acton_hub.settings_local", "DATA_DIR": str(folder)}
    env = {"PATH": os.environ["PATH"], "DATABASE_URL": "", "REDIS_URL": "", **settings, **more}
    subprocess.run([sys.executable, "-c", SCRIPT], cwd=CHECKOUT, env=env, check=True, timeout=120)
