"""Whatever is killed is there again soon, and nothing outlives those that it belongs to."""

import os
import signal
import uuid

import pytest

from tests.running import RunningHub, wait_until

RECOVERED_WITHIN_S = 30.0


def whole(hub: RunningHub) -> RunningHub:
    wait_until(hub.is_whole, 10, "all processes")
    return hub


def runs_a_task(hub: RunningHub, within_s: float) -> None:
    """Put a wake-up in the queue, again and again as the dispatcher does, until a worker has run it."""
    name = f"cluster:{uuid.uuid4().hex}:1"
    wake = f"from acton_hub.queue import wake; wake('processes.tasks.heartbeat', '{name}')"

    def woken() -> bool:
        assert hub.manage("shell", "-v", "0", "-c", wake).returncode == 0
        return ran(hub, name)

    wait_until(woken, within_s, "a worker has run the task")


def ran(hub: RunningHub, name: str) -> bool:
    return bool(hub.query("SELECT 1 FROM acton_hub_heartbeat WHERE name = ?", name))


@pytest.mark.parametrize(
    "name",
    [
        "hub-web", "hub-web-serving", "hub-worker", "hub-dispatcher", "hub-cluster", "hub-sentinel", "hub-pusher",
    ],
)  # fmt: skip
def test_a_killed_process_is_replaced_and_leaves_no_orphan(hub: RunningHub, name: str) -> None:
    whole(hub)
    victim = hub.named(name)[0]
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: victim not in hub.processes(), 5, "the kill has worked")
    runs_a_task(hub, RECOVERED_WITHIN_S)
    wait_until(hub.is_whole, RECOVERED_WITHIN_S, "all processes, none left over")
    wait_until(hub.is_healthy, RECOVERED_WITHIN_S, "healthy again")
    hub.stop()


def test_a_task_runs_after_the_kill_of_the_idle_worker_that_reads_the_queue(hub: RunningHub) -> None:
    """django-q2 alone never runs a task again: the dead worker's lock stays held."""
    whole(hub)
    cluster = hub.named("hub-cluster")
    victim = wait_until(hub.reader_of_the_queue, 10, "an idle worker reads")
    os.kill(victim, signal.SIGKILL)
    runs_a_task(hub, RECOVERED_WITHIN_S)
    assert hub.named("hub-cluster") != cluster
    wait_until(hub.is_whole, RECOVERED_WITHIN_S, "all processes, none left over")


def test_a_cluster_is_replaced_when_its_monitor_was_killed(hub: RunningHub) -> None:
    """django-q2 alone puts up a new monitor, which waits for ever for the lock that the dead one holds."""
    cluster = whole(hub).named("hub-cluster")
    os.kill(hub.named("hub-monitor")[0], signal.SIGKILL)
    wait_until(lambda: hub.named("hub-cluster") not in (cluster, []), RECOVERED_WITHIN_S, "a new cluster")
    wait_until(hub.is_whole, 10, "all processes, none left over")
    hub.stop(within_s=5)


def test_a_cluster_that_hangs_is_replaced(hub: RunningHub) -> None:
    whole(hub)
    old = [pid for pid, name in hub.processes().items() if name in ("hub-cluster", "hub-sentinel", "hub-task")]
    for pid in old:
        os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: not set(old) & set(hub.processes()), RECOVERED_WITHIN_S, "the old cluster is gone")
    wait_until(hub.is_whole, RECOVERED_WITHIN_S, "all processes, none left over")
    runs_a_task(hub, 10)


def test_a_dispatcher_that_hangs_is_replaced(hub: RunningHub) -> None:
    (old,) = whole(hub).named("hub-dispatcher")
    os.kill(old, signal.SIGSTOP)
    wait_until(lambda: hub.named("hub-dispatcher") not in ([old], []), RECOVERED_WITHIN_S, "a new dispatcher")
    (new,) = hub.named("hub-dispatcher")
    held = (
        "SELECT 1 FROM acton_hub_lease WHERE name = 'dispatcher' AND holder LIKE ? AND expires_at > CURRENT_TIMESTAMP"
    )
    wait_until(lambda: hub.query(held, f"%:{new}"), 10, "the new dispatcher holds the lease")


def test_everything_ends_when_the_supervisor_is_killed(hub: RunningHub) -> None:
    whole(hub)
    os.kill(hub.pid, signal.SIGKILL)
    wait_until(lambda: hub.exit_code() is not None and not hub.processes(), 10, "every process has ended")
    hub.start()


@pytest.mark.parametrize("names", [("hub-start", "hub-worker"), ("hub-start", "hub-web", "hub-worker", "hub-cluster")])
def test_everything_ends_when_several_are_killed_at_once(hub: RunningHub, names: tuple[str, ...]) -> None:
    whole(hub)
    for pid, name in hub.processes().items():
        if name in names:
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: hub.exit_code() is not None and not hub.processes(), 10, "every process has ended")


def test_it_stops_in_time_with_a_worker_that_was_killed_before(hub: RunningHub) -> None:
    """The cluster cannot end by itself then: nobody can take the word to stop out of its queue."""
    whole(hub)
    for pid in hub.named("hub-task"):
        os.kill(pid, signal.SIGKILL)
    hub.stop(within_s=10)


def test_a_cluster_at_work_to_the_last_worker_is_left_alone(hub: RunningHub) -> None:
    """No heartbeat gets through then, for longer than a cluster may show no life."""
    cluster = whole(hub).named("hub-cluster")
    keep_all_workers_busy(hub, seconds=20)
    runs_a_task(hub, 40)
    assert hub.is_healthy()
    assert hub.named("hub-cluster") == cluster
    assert "shows no life" not in hub.output()


def test_it_stops_in_time_with_work_that_does_not_end(hub: RunningHub) -> None:
    whole(hub)
    keep_all_workers_busy(hub, seconds=100)
    hub.stop(within_s=10)


def keep_all_workers_busy(hub: RunningHub, seconds: int) -> None:
    tasks = "; ".join(f"wake('time.sleep', {seconds}.{number})" for number in range(4))
    assert hub.manage("shell", "-v", "0", "-c", f"from acton_hub.queue import wake; {tasks}").returncode == 0
    wait_until(lambda: not hub.waiting_tasks(), 10, "the workers have them")
