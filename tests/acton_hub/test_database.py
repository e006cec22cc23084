"""How the hub is connected to PostgreSQL."""

import os
import subprocess
import sys

import pytest
from django.db import connection

ASKED = """
import django
django.setup()
from django.db import connection
connection.ensure_connection()
print(connection.connection.info.get_parameters()["tcp_user_timeout"])
"""


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no connections that can be lost")
@pytest.mark.parametrize(("asked", "used"), [("", "30000"), ("tcp_user_timeout=60000", "60000")])
def test_a_machine_that_vanished_is_noticed(asked: str, used: str) -> None:
    url = os.environ["DATABASE_URL"]
    env = os.environ | {"DATABASE_URL": f"{url}{'&' if '?' in url else '?'}{asked}" if asked else url}
    found = subprocess.run([sys.executable, "-c", ASKED], env=env, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == used
