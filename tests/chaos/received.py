"""What the callback got, read as it comes, and what of it is wrong."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.act_on import Sandbox


@dataclass
class Received:
    """The notifications of one inbox: accepted ones, how often each came, and each object's newest version."""

    act_on: Sandbox
    inbox: str
    changes: Counter[str] = field(default_factory=Counter)  # by object and version, each notification counted once
    newest: dict[str, str] = field(default_factory=dict)  # object id → its modified date as delivered last, ms
    repeated: int = 0  # the same notification again
    altered: int = 0  # the same id with other bytes
    _sequences: dict[str, int] = field(default_factory=dict)
    _texts: dict[str, str] = field(default_factory=dict)
    _accepted: set[str] = field(default_factory=set)
    _last: int = 0

    def read(self) -> None:
        answer = self.act_on.call("GET", f"/inbox/{self.inbox}.json?after={self._last}")
        for message in answer["messages"]:
            self._last = max(self._last, message["id"])
            self._take(message)

    def _take(self, message: dict[str, Any]) -> None:
        webhook_id, text = message["headers"]["Elements-Webhook-Id"], message["text"]
        known = self._texts.setdefault(webhook_id, text)
        self.altered += known != text
        if message["status"] != 200:  # not accepted: it has to come again
            return
        if webhook_id in self._accepted:
            self.repeated += 1
            return
        self._accepted.add(webhook_id)
        content = message["json"]["message"]
        dates = {record["_contact_id_"]: record["__modified_date"] for record in content["raw"]["contacts"]}
        for entry in content["events"]:
            object_id, sequence = entry["objectId"], entry["sequence"]
            self.changes[f"{object_id} {dates[object_id]}"] += 1
            if sequence >= self._sequences.get(object_id, 0):
                self._sequences[object_id], self.newest[object_id] = sequence, dates[object_id]

    def has(self, versions: dict[str, int]) -> bool:
        """Whether each of these objects came last in the version that it has at Act-On."""
        self.read()
        return not self.missing(versions)

    def missing(self, versions: dict[str, int]) -> list[str]:
        return [each for each, modified_ms in versions.items() if self.newest.get(each) != str(modified_ms)]

    @property
    def doubled(self) -> int:
        """Changes that came in more than one notification, and notifications that came again as something else."""
        return sum(count - 1 for count in self.changes.values()) + self.altered
