"""The hub on PostgreSQL, which may be away for a while."""

from collections.abc import Callable, Iterator

import pytest

from tests.postgres import PostgresServer, postgres_server
from tests.running import RunningHub, wait_until


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


def test_a_postgres_that_went_away_and_came_back_needs_no_restart(
    new_hub: Callable[..., RunningHub], postgres: PostgresServer
) -> None:
    hub = new_hub(DATABASE_URL=postgres.url).start()
    wait_until(hub.is_whole, 10, "all processes")
    before = hub.processes()
    postgres.stop()
    wait_until(lambda: OUTAGE in (hub.get("/healthz")[1] or {}).get("reasons", []), 10, "the outage shows")
    wait_until(lambda: "dispatcher failed again_in_s=4" in hub.output(), 20, "it lasts a while")
    assert hub.processes() == before
    postgres.start()
    wait_until(hub.is_healthy, 30, "healthy again")
    assert hub.processes() == before
    hub.stop()


OUTAGE = "the database does not answer"
