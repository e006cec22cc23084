import os
import subprocess
import sys

import pytest

from benchmarks.__main__ import ROWS
from tests.running import CHECKOUT


@pytest.mark.timeout(600)
def test_the_benchmarks_run_and_tell_every_figure() -> None:
    """On SQLite all but one, on PostgreSQL that one and those that store and send. No timing is looked at."""
    url = os.environ.get("DATABASE_URL", "")
    database, env, names = "sqlite", dict(os.environ), [name for name in ROWS if name != "scale"]
    if url.startswith("postgres"):
        database, names = "postgresql", ["sustained", "polling", "scale"]
        env |= {"TEST_DATABASE_URL": url, "TEST_REDIS_URL": os.environ["REDIS_URL"]}
    command = [sys.executable, "-m", "benchmarks", "--quick", "--database", database, "--only", *names]
    done = subprocess.run(command, cwd=CHECKOUT, env=env, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= len(names)
    for name in names:
        assert f"{database}: {name} took" in done.stderr
