"""The sandbox, as tests steer it: through its control calls, over HTTP."""

import json
from dataclasses import dataclass
from typing import Any

import requests

ACCOUNT = "sandbox"
REDIRECT = "https://mycoolapp.com/auth"


@dataclass
class Sandbox:
    """The sandbox served below `url`."""

    url: str

    def call(self, method: str, path: str, body: Any = None) -> Any:
        response = requests.request(method, self.url + path, json=body, timeout=60)
        assert response.status_code == 200, response.text
        return response.json()

    def account(self, method: str, path: str = "", body: Any = None, *, name: str = ACCOUNT) -> Any:
        """A control call about one Act-On account."""
        return self.call(method, f"/control/accounts/{name}{path}", body)

    def code(self, *, key: str = "my-key", user: str = ACCOUNT) -> str:
        return str(
            self.call("POST", "/control/codes", {"client_id": key, "redirect_uri": REDIRECT, "user": user})["code"]
        )

    def body(
        self, *, user: str = ACCOUNT, key: str = "my-key", inbox: str = "first", **configuration: Any
    ) -> dict[str, Any]:
        """The documented body of `POST /instances`, with a fresh code."""
        return {
            "element": {"key": "acton"},
            "providerData": {"code": self.code(key=key, user=user)},
            "configuration": {
                "oauth.api.key": key,
                "oauth.api.secret": "my-secret",
                "oauth.callback.url": REDIRECT,
                "event.notification.enabled": True,
                "event.vendor.type": "polling",
                "event.notification.callback.url": f"{self.url}/inbox/{inbox}",
                **configuration,
            },
            "tags": ["Docs"],
            "name": "API Instance with Polling",
        }

    def inbox(self, name: str = "first") -> list[dict[str, Any]]:
        """The messages of an inbox, oldest first."""
        messages: list[dict[str, Any]] = self.call("GET", f"/inbox/{name}.json")["messages"]
        return sorted(messages, key=lambda message: message["id"])

    def delivered(self, name: str = "first", *, once: bool = False) -> list[dict[str, Any]]:
        """The entries of `events[]` of all notifications in an inbox; with `once`, each notification counted once."""
        texts = [(message["headers"]["Elements-Webhook-Id"], message["text"]) for message in self.inbox(name)]
        if once:
            texts = list(dict(texts).items())
        return [entry for _, text in texts for entry in json.loads(text)["message"]["events"]]
