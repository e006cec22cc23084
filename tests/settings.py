"""The settings of tests that run in this process: everything switched on, in a folder of their own."""

import atexit
import os
import shutil
import tempfile

_folder = tempfile.mkdtemp(prefix="acton-hub-tests-")
atexit.register(shutil.rmtree, _folder, ignore_errors=True)
for _name in ("HOST", "PORT", "PUBLIC_URL", "SECRET_KEY", "ENCRYPTION_KEYS", "ACTON_API_URL", "ACTON_API_HOSTS"):
    os.environ.pop(_name, None)
os.environ.update(DATA_DIR=_folder, SANDBOX_ENABLED="true", OUTBOUND_ALLOW_PRIVATE="127.0.0.0/8,::1/128")

from acton_hub.settings import *  # noqa: E402, F403
from acton_hub.settings import DATA_DIR, DATABASES, Q_CLUSTER, STATIC_ROOT  # noqa: E402

STATIC_ROOT.mkdir()  # whitenoise wants it, even empty

# Tests with threads need a database in a file; Django's default for SQLite is one in memory.
for _alias, _database in DATABASES.items():
    _database["TEST"] = {"DEPENDENCIES": []}
    if _database["ENGINE"] == "django.db.backends.sqlite3":
        _database["TEST"]["NAME"] = str(DATA_DIR / f"test-{_alias}.sqlite3")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Tests that run side by side share a Redis, but not a queue.
Q_CLUSTER = Q_CLUSTER | {"name": f"acton-hub-tests-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"}
