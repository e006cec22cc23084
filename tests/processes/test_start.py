"""`manage.py start`: one command brings everything up, and says in one line why it cannot."""

import re
import signal
import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.running import RunningHub, wait_until

NewHub = Callable[..., RunningHub]


@pytest.fixture(autouse=True)
def from_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RunningHub, "from_nothing", True)


def ended(hub: RunningHub) -> str:
    """What a hub that cannot start has printed, once it has ended."""
    hub.spawn()
    wait_until(lambda: hub.exit_code() is not None, 20, "the start has ended")
    return hub.output()


def test_it_starts_whole_and_tells_what_it_made_up(hub: RunningHub) -> None:
    wait_until(hub.is_whole, 10, "all processes")
    assert f"{hub.url}/console/" in hub.output()
    assert re.search(r"User secret: +\S{44}\n", hub.output())
    assert hub.get("/healthz")[1]["status"] == "ok"
    assert hub.get("/healthz/live")[0] == 200
    assert hub.get("/version")[1] == {"name": "acton-hub", "version": "0.1.0"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_within_ten_seconds_and_leaves_nothing(hub: RunningHub, number: signal.Signals) -> None:
    wait_until(hub.is_whole, 10, "all processes")
    hub.stop(number, within_s=10)
    assert hub.exit_code() == 0
    assert "Traceback" not in hub.output()


def test_a_stop_while_it_starts_leaves_nothing(new_hub: NewHub) -> None:
    hub = new_hub().spawn()
    wait_until(lambda: hub.named("hub-worker"), 20, "the worker has been started")
    hub.stop(within_s=10)
    assert "Traceback" not in hub.output()


def test_a_second_start_goes_on_with_the_same_secrets(hub: RunningHub) -> None:
    first = hub.manage("credentials").stdout
    hub.stop()
    hub.log.unlink()
    hub.start()
    assert "secret" not in hub.output()
    assert "Organization secret: " in first
    assert hub.manage("credentials").stdout == first


def test_the_same_bootstrap_settings_on_a_second_start_change_nothing(new_hub: NewHub) -> None:
    given = {
        "BOOTSTRAP_ADMIN_EMAIL": "ops@example.com",
        "BOOTSTRAP_ADMIN_PASSWORD": "correct horse battery",
        "BOOTSTRAP_USER_SECRET": "user+secret/of=ours",
        "BOOTSTRAP_ORGANIZATION_SECRET": "organization+secret/of=ours",
    }
    hub = new_hub(**given).start()
    columns = "SELECT email, password, secret, organization_id FROM accounts_user"
    first = hub.query(columns)
    hub.stop()
    hub.start()
    assert hub.query(columns) == first
    assert "secret/of" not in hub.output()
    assert "correct horse" not in hub.output()


def test_two_hubs_side_by_side(new_hub: NewHub) -> None:
    one, other = new_hub("one").spawn(), new_hub("other").start()
    wait_until(one.is_healthy, 30, "the first is healthy")
    other.stop()
    assert one.is_healthy()
    assert one.is_whole()


def test_a_port_in_use_is_one_line(new_hub: NewHub) -> None:
    hub = new_hub()
    with closing(socket.create_server(("127.0.0.1", hub.port))):
        output = ended(hub)
    assert hub.exit_code() == 1
    assert output == f"PORT={hub.port} on 127.0.0.1 cannot be used: Address already in use\n"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("PORT", "70000"),
        ("HOST", "no.such.host.invalid"),
        ("PUBLIC_URL", "hub.example.com"),
        ("PUBLIC_URL", "http://hub.example.com:99999"),
        ("DATABASE_URL", "nonsense"),
        ("DATABASE_URL", "mysql://localhost/hub"),
        ("DATABASE_URL", "postgres://hub:secret-word@127.0.0.1:1/hub"),
        ("REDIS_URL", "nonsense"),
        ("REDIS_URL", "redis://localhost:port/0"),
        ("ENCRYPTION_KEYS", "secret-word"),
        ("SANDBOX_ENABLED", "perhaps"),
        ("ACTON_DATE_UNIT", "days"),
        ("ACTON_API_URL", "api.example.com"),
        ("ACTON_API_HOSTS", "https://a.example.com,b"),
        ("OUTBOUND_ALLOW_PRIVATE", "10.0.0.0/99"),
        ("EVENT_RETENTION_DAYS", "0"),
        ("POLL_OVERLAP_SECONDS", "-1"),
        ("BOOTSTRAP_ADMIN_EMAIL", "nobody"),
        ("DATA_DIR", "/proc/acton-hub"),
    ],
)
def test_an_unusable_setting_is_one_line_that_names_it(new_hub: NewHub, name: str, value: str) -> None:
    hub = new_hub(**{name: value})
    output = ended(hub)
    assert hub.exit_code() == 1
    assert output.count("\n") == 1, output
    assert name in output
    assert "secret-word" not in output


def test_what_is_set_to_nothing_wins_over_what_a_local_run_switches_on(new_hub: NewHub) -> None:
    hub = new_hub(SANDBOX_ENABLED="", OUTBOUND_ALLOW_PRIVATE="").start()
    assert "/sandbox/" not in hub.output()
    assert not (hub.folder / "sandbox.sqlite3").exists()
    printed = hub.manage(
        "shell", "-v", "0", "-c", "from django.conf import settings as s; print(s.OUTBOUND_ALLOW_PRIVATE)"
    )
    assert printed.stdout == "[]\n"


def test_its_processes_share_what_they_have_loaded(hub: RunningHub) -> None:
    wait_until(hub.is_whole, 10, "all processes")
    shared, each = (
        sum(
            int(line.split()[1])
            for pid in hub.processes()
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            if line.startswith(f"{name}:")
        )
        for name in ("Pss", "Rss")
    )
    assert shared < each / 3
