"""A running hub, as an application uses it: over HTTP, with JSON."""

from dataclasses import dataclass
from typing import Any

import requests

from tests.act_on import Sandbox
from tests.running import RunningHub, wait_until


@dataclass
class Hub:
    """The API of a running hub; its sandbox may be that of another process."""

    running: RunningHub
    act_on: Sandbox

    def __post_init__(self) -> None:
        self.header = {"Authorization": self.running.manage("credentials", "--header").stdout.strip()}

    def call(self, method: str, path: str, body: Any = None) -> requests.Response:
        return requests.request(method, self.running.url + path, json=body, headers=self.header, timeout=60)

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        response = self.call(method, path, body)
        assert response.status_code == 200, response.text
        return response.json()

    def create(self, **body: Any) -> int:
        """A new instance; see Sandbox.body."""
        return int(self.ok("POST", "/elements/api-v2/instances", self.act_on.body(**body))["id"])

    def poll(self, instance: int) -> dict[str, Any]:
        """Poll now and wait until that poll has ended."""
        poll_id = self.poll_now(instance)
        return wait_until(lambda: self.ended(instance, poll_id), 60, f"poll {poll_id} ends")

    def poll_now(self, instance: int) -> int:
        """Ask for a poll, once the one that may be running has ended; returns the new one's id."""
        path = f"/instances/{instance}/poll"
        (response,) = wait_until(lambda: self._unless_running(path), 60, "the poll that is running ends")
        assert response.status_code == 200, response.text
        return int(response.json()[0]["pollId"])

    def _unless_running(self, path: str) -> list[requests.Response]:
        response = self.call("POST", path)
        return [] if response.status_code == 409 else [response]

    def ended(self, instance: int, poll_id: int) -> dict[str, Any] | None:
        polls = self.ok("GET", f"/instances/{instance}/polls")
        return next((poll for poll in polls if poll["id"] == poll_id and poll["finishedAt"]), None)
