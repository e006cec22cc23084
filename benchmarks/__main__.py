"""Measure the running hub from outside, and print a table: `make bench`, or `python -m benchmarks --help`."""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from benchmarks import deliveries, event_log, latency, outage, polls, requests_in, scale, start
from benchmarks.figures import Figure, Table
from benchmarks.stage import Stage, stage
from tests import servers

ROWS: dict[str, Callable[[Stage], list[Figure]]] = {
    **deliveries.ROWS, **latency.ROWS, **requests_in.ROWS, **event_log.ROWS, **start.ROWS, **polls.ROWS, **scale.ROWS,
    **outage.ROWS,
}  # fmt: skip
DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL and Redis"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small numbers, to prove that it works")
    parser.add_argument("--rounds", type=int, default=0, help="how often each figure is measured (5; quick: 1)")
    parser.add_argument("--only", nargs="+", choices=ROWS, default=[*ROWS], metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--database", nargs="+", choices=DATABASES, default=list(DATABASES))
    options = parser.parse_args()
    for database in options.database:
        print(run(database, options), flush=True)
    return 0


def run(database: str, options: argparse.Namespace) -> Table:
    """Measure the rows on one database."""
    table = Table(DATABASES[database])
    rounds = options.rounds or (1 if options.quick else 5)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        env: dict[str, str | None] = {"DATABASE_URL": None, "REDIS_URL": None}
        if database == "postgresql":
            server = stack.enter_context(servers.postgresql())
            env["DATABASE_URL"] = stack.enter_context(servers.database_on(server))
            env["REDIS_URL"] = stack.enter_context(servers.redis_database_on(stack.enter_context(servers.redis())))
        found = stack.enter_context(stage(folder, env, quick=options.quick, rounds=rounds))
        for name in options.only:
            began = time.monotonic()
            figures = ROWS[name](found)
            table.figures += figures
            for figure in figures:
                print(f"{database}: {' | '.join(figure.cells())}", file=sys.stderr)
            print(f"{database}: {name} took {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return table


if __name__ == "__main__":
    os.environ.pop("DATABASE_URL", None)
    os.environ.pop("REDIS_URL", None)
    sys.exit(main())
