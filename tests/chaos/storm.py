"""Contacts change while processes are killed and everything around the hubs fails; then what arrived is counted."""

import math
import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

import requests

from events import retry
from tests.chaos import aftermath
from tests.chaos.faults import ACT_ON, CALLBACK, HANGS, HOUR_S, LOCKED, Deck, around
from tests.chaos.machine import Machine
from tests.chaos.received import Received
from tests.running import RunningHub, wait_until

EVERYTHING = "everything"
VICTIMS = [
    EVERYTHING, "hub-web", "hub-web-serving", "hub-worker", "hub-dispatcher", "hub-cluster", "hub-sentinel", "hub-task",
    "hub-monitor", "hub-pusher",
]  # fmt: skip
MOMENTS = {
    "in mid-poll": "SELECT count(*) FROM polling_poll WHERE status = 'running'",
    "in mid-delivery": "SELECT count(*) FROM events_delivery WHERE lease_holder <> ''",
}
LEASES_S = 35  # a poll whose process was killed holds its connection for 30 s
BRIEFLY_S = 3.0
INBOX = "first"
FAULT_PATH = f"/control/inboxes/{INBOX}"
MOST_TIMES = {"expire_token": 2}  # Act-On allows five token calls an hour
KEPT_BACK = 20  # contacts that change last, to meet what was not met before
UNDER_WAY = 0.02  # of the contacts: changed a second time


@dataclass
class Storm:
    """What is done to the hubs of a machine: `kills` kills, and every fault that there is around them."""

    machine: Machine
    kills: int
    lists: int
    contacts: int
    lasts_s: float = 10.0
    long: bool = False
    done: Counter[str] = field(default_factory=Counter)
    met: Counter[str] = field(default_factory=Counter)
    answers: Counter[int] = field(default_factory=Counter)  # of the hubs to requests for a poll, by status
    versions: dict[str, int] = field(default_factory=dict)  # what changed, and when last, by Act-On's clock (ms)
    instance: int = 0

    def __post_init__(self) -> None:
        self.received = Received(self.machine.act_on, INBOX)
        self._callback = CALLBACK | (HANGS if self.long else {})
        self._around = around(self.machine, self.lasts_s)
        self._deck_act_on, self._deck_callback = Deck(list(ACT_ON), MOST_TIMES), Deck(list(self._callback))
        self._deck_around = Deck(list(self._around))
        self._armed = ""  # what the callback does next
        self._killed_whole: list[RunningHub] = []
        self._seen_call = 0

    def blow(self) -> None:
        """All of it, until every change has arrived. Raises AssertionError where that does not come."""
        left = self._prepare()
        kept_back = [left.pop() for _ in range(KEPT_BACK)]
        victims = [VICTIMS[number % len(VICTIMS)] for number in range(self.kills)]
        random.shuffle(victims)
        size, faults = math.ceil(len(left) / self.kills), len(ACT_ON) / min(self.kills, len(ACT_ON) * 2)
        for number, victim in enumerate(victims):
            now, left = left[:size], left[size:]
            self._change(now)
            self._arm_callback()
            wait_until(self.poll_now, 120, "a web server takes a poll")
            # In a long storm every other poll meets no fault of Act-On, so that there is something to deliver.
            for _ in range(int((number + 1) * faults) - int(number * faults)):
                self._fail_act_on(self._deck_act_on.deal())
            time.sleep(random.uniform(0, 1))
            self._arm_callback()
            self._await(random.choice(["", *MOMENTS]))
            self._kill_within(self._deck_around.deal(), victim)
            self._note_faults()
            self._arm_callback()
            self._skip(LEASES_S)
        self._skip(HOUR_S)
        self._meet_the_rest(kept_back)
        self._calm()

    def _prepare(self) -> list[tuple[str, int]]:
        act_on, each = self.machine.act_on, self.contacts // self.lists
        lists = [
            act_on.account("POST", "/lists", {"name": f"List {number}", "contacts": each})["id"]
            for number in range(self.lists)
        ]
        self.instance = self.machine.hub.create(**{"event.poller.refresh_interval": "1"})
        contacts = [(where, record) for where in lists for record in range(1, each + 1)]
        random.shuffle(contacts)
        return contacts

    def _change(self, contacts: list[tuple[str, int]]) -> None:
        again = random.sample(sorted(self.versions), int(len(self.versions) * UNDER_WAY))
        contacts = contacts + [(each.partition(":")[0], int(each.partition(":")[2])) for each in again]
        for where in {where for where, _ in contacts}:
            records = {
                str(record): {"Company": random.randbytes(4).hex()} for list_id, record in contacts if list_id == where
            }
            self.machine.act_on.account("PATCH", f"/lists/{where}/contacts", {"changes": records})
        self.versions |= {f"{where}:{record}": 0 for where, record in contacts}

    def poll_now(self) -> bool:
        """Whether a web server took it: 409 says that a poll is running, or rests."""
        hub = random.choice(self.machine.hubs)
        try:
            status = requests.post(
                f"{hub.url}/instances/{self.instance}/poll", headers=self.machine.hub.header, timeout=60
            ).status_code
        except requests.RequestException:  # it went down with the request in hand
            return False
        self.answers[status] += 1
        return status in (200, 409)

    def _fail_act_on(self, name: str) -> None:
        self.machine.act_on.account("POST", "/faults", {"kind": name, "times": 1, **ACT_ON[name]})

    def _arm_callback(self, name: str = "") -> None:
        """Have the callback fail once or twice, as soon as a delivery meets what it does before."""
        if self._armed and self.machine.act_on.call("GET", FAULT_PATH)["fault"]["times"] is None:
            self.met[self._armed] += 1
            self._armed = ""
        if not self._armed:
            self._armed = name or self._deck_callback.deal()
            fault = self._callback[self._armed] | {"times": random.choice([1, 2])}
            self.machine.act_on.call("PUT", FAULT_PATH, {"fault": fault})

    def _await(self, moment: str) -> None:
        """Wait a while for that moment, so that kills come in the midst of work; count in which of them this is."""
        query = self.machine.hub.running.query
        until = time.monotonic() + (LEASES_S if self.long else BRIEFLY_S)
        while moment and not query(MOMENTS[moment])[0][0] and time.monotonic() < until:
            self.poll_now()
            time.sleep(0.1)
        for each, statement in MOMENTS.items():
            self.done[each] += bool(query(statement)[0][0])

    def _skip(self, seconds: int) -> None:
        """A short storm does not wait for leases and pauses, where it can set the clock."""
        if self.machine.clock and not self.long:
            self.machine.clock.skip(seconds)

    def _kill_within(self, name: str, victim: str) -> None:
        with self._around[name]():
            self._kill(victim)
            if name != LOCKED:
                self.poll_now()  # whatever it says now, it says in our words
            if name.startswith("clock"):
                self._start_killed()
        self._start_killed()
        self.met[name] += 1

    def _kill(self, victim: str) -> None:
        if victim == EVERYTHING:
            self._killed_whole = list(self.machine.hubs)
            for hub in self._killed_whole:
                hub.kill()
        else:
            hub = random.choice(self.machine.hubs)
            pid = wait_until(lambda: hub.named(victim), 60, f"there is a {victim}")[0]
            with suppress(ProcessLookupError):  # it ended with the one that was killed before
                os.kill(pid, signal.SIGKILL)
        self.done["kills"] += 1

    def _start_killed(self) -> None:
        while self._killed_whole:
            self._killed_whole.pop().start()

    def _note_faults(self) -> None:
        """Which of Act-On's faults were met, by its own log of calls."""
        calls = self.machine.act_on.account("GET", f"/requests?after={self._seen_call}")["requests"]
        for call in calls:
            self._seen_call = call["id"]
            words = call["fault"].split()  # cut at 20 characters
            self.met.update(name for name in ACT_ON if any(name.startswith(word) for word in words))

    def _unmet(self) -> list[str]:
        """Faults that nothing has met yet, Act-On's first."""
        self._note_faults()
        return [name for name in [*ACT_ON, *self._callback] if not self.met[name]]

    def _meet_the_rest(self, kept_back: list[tuple[str, int]]) -> None:
        """Whatever no call and no delivery has met yet is met now."""
        waiting = {fault["kind"] for fault in self.machine.act_on.account("GET", "/faults")["faults"]}
        for name in {*ACT_ON} - waiting - {*self.met}:
            self._fail_act_on(name)

        def all_met() -> bool:
            self.poll_now()
            self._arm_callback(next((name for name in self._callback if name not in {*self.met, self._armed}), ""))
            unmet = self._unmet()
            if kept_back and unmet and unmet[0] in self._callback:
                self._change([kept_back.pop()])
            return not unmet

        wait_until(all_met, 180, "every fault is met")
        self._change(kept_back)

    def _calm(self) -> None:
        act_on = self.machine.act_on
        act_on.account("DELETE", "/faults")
        act_on.call("PUT", FAULT_PATH, {"fault": None})
        self._skip(HOUR_S)  # what has failed often waits for long
        self._learn_versions()
        wait_until(self.poll_now, 120, "a web server takes a poll")
        wait_until(lambda: self.received.has(self.versions), 600, "every change arrives")
        # An answer that was cut short came with a 200, and was none to the hub: it may pause for long before it asks.
        self._skip(int(retry.LONGEST.total_seconds()))
        aftermath.comes_to_nothing(self.machine, self.poll_now)

    def _learn_versions(self) -> None:
        for where in {each.partition(":")[0] for each in self.versions}:
            for contact in self.machine.act_on.account("GET", f"/lists/{where}/contacts")["contacts"]:
                if contact["modified_ms"] != contact["created_ms"]:  # faults move some, too
                    self.versions[contact["id"]] = contact["modified_ms"]

    def summary(self) -> str:
        missing = self.received.missing(self.versions)
        figures = {
            "kills": self.done["kills"],
            **{f"of them {moment}": self.done[moment] for moment in MOMENTS},
            "faults": sum(self.met.values()),
            "changes": len(self.versions),
            "delivered": len(self.versions) - len(missing),
            "lost": len(missing),
            "doubled": self.received.doubled,
            "repeated with the same id": self.received.repeated,
        }
        lines = [", ".join(f"{name}: {count}" for name, count in figures.items())]
        lines.append("faults met: " + ", ".join(f"{name}: {count}" for name, count in sorted(self.met.items())))
        counters = self.machine.act_on.account("GET", "/counters")
        lines.append(
            f"Act-On counted: calls: {counters['api_calls']}, most in a second: {counters['most_in_a_second']}, "
            f"token calls: {counters['token_calls']}; answers to polls asked for: {dict(sorted(self.answers.items()))}"
        )
        return "\n".join([*lines, *(f"left out: {reason}" for reason in self.machine.left_out)])
