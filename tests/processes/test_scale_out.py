"""Workers on several machines share one database: one that joins gets work, one that leaves loses none."""

import os
import secrets
from collections.abc import Callable
from contextlib import closing

import pytest
from cryptography.fernet import Fernet

from benchmarks.stage import Seeder, server
from tests.running import RunningHub, wait_until
from tests.servers import database_on, redis_database_on

DELIVERIES = 3000  # the first one alone takes longer for them than the second one to start
HOSTS = 10
LONGEST_S = 90.0


@pytest.mark.skipif(
    not os.environ.get("DATABASE_URL", "").startswith("postgres"), reason="on SQLite there is one machine"
)
def test_a_worker_that_joins_gets_work_and_one_that_leaves_loses_none(new_hub: Callable[..., RunningHub]) -> None:
    keys = {"SECRET_KEY": secrets.token_urlsafe(50), "ENCRYPTION_KEYS": Fernet.generate_key().decode()}
    with (
        database_on(os.environ["DATABASE_URL"]) as database,
        redis_database_on(os.environ["REDIS_URL"]) as redis,
        server("receiver") as receiver,
    ):
        shared = {"DATABASE_URL": database, "REDIS_URL": redis, **keys}
        first = new_hub("first", **shared).start()
        with closing(Seeder(first)) as seeder:
            urls = [f"http://127.0.1.{number + 1}:{receiver.port}/slow/500" for number in range(HOSTS)]
            seeder.call("waiting", {"instances": seeder.call("instances", {"urls": urls}), "count": DELIVERIES})
        wait_until(lambda: receiver.get("/count"), LONGEST_S, "the first one works")
        second = new_hub("second", **shared).start()
        wait_until(lambda: "delivered instance=" in second.output(), LONGEST_S, "the second one works, too")
        assert receiver.get("/count") < DELIVERIES
        first.stop(within_s=30)
        wait_until(lambda: receiver.get("/count") >= DELIVERIES, LONGEST_S, "the second one does the rest")
        done = "SELECT status, attempts_made, count(*) FROM events_delivery GROUP BY 1, 2"
        wait_until(lambda: second.query(done) == [("notified", 1, DELIVERIES)], LONGEST_S, "all are settled, once each")
        assert receiver.get("/count") == DELIVERIES
        second.stop(within_s=30)
