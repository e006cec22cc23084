"""An application that talks to the sandbox through Django's test client."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from sandbox import contacts
from sandbox.models import Account, ContactList
from sandbox.rows import Values

REDIRECT = "http://app.example.com/auth"


class Application:
    """One API key with its tokens; answers are Django's test responses."""

    def __init__(self, client: Client, client_id: str = "key", secret: str = "secret") -> None:  # noqa: S107
        self.client = client
        self.client_id = client_id
        self.secret = secret
        self.access_token = ""
        self.refresh_token = ""

    def code(self, user: str = "ann", **query: str) -> str:
        """A code, got without the page."""
        asked = {"response_type": "code", "client_id": self.client_id, "redirect_uri": REDIRECT}
        response = self.client.get("/sandbox/authorize", asked | {"auto": "1", "user": user, "state": "s"} | query)
        assert response.status_code == 302
        answer = parse_qs(urlsplit(response.headers["Location"]).query)
        assert answer["state"] == ["s"]
        return answer["code"][0]

    def token_call(self, **form: str) -> Any:
        credentials = {"client_id": self.client_id, "client_secret": self.secret}
        return self.client.post("/sandbox/token", credentials | form)

    def exchange(self, code: str, redirect_uri: str = REDIRECT) -> Any:
        return self._take(self.token_call(grant_type="authorization_code", code=code, redirect_uri=redirect_uri))

    def refresh(self, token: str = "") -> Any:
        return self._take(self.token_call(grant_type="refresh_token", refresh_token=token or self.refresh_token))

    def log_in(self, user: str = "ann", password: str = "any") -> Any:  # noqa: S107
        return self._take(self.token_call(grant_type="password", username=user, password=password))

    def _take(self, response: Any) -> Any:
        if response.status_code == 200 and response.content:
            body = response.json()
            self.access_token, self.refresh_token = body["access_token"], body["refresh_token"]
        return response

    def get(self, path: str, query: dict[str, str] | None = None, token: str = "") -> Any:
        return self.client.get(f"/sandbox{path}", query or {}, headers=self._headers(token))

    def send(self, method: str, path: str, body: Any = None) -> Any:
        content = b"" if body is None else json.dumps(body).encode()
        return self.client.generic(
            method, f"/sandbox{path}", content, content_type="application/json", headers=self._headers()
        )

    def _headers(self, token: str = "") -> dict[str, str]:
        return {"Authorization": f"Bearer {token or self.access_token}"}


@pytest.fixture
def account() -> Account:
    """An account without limits on API calls; those have their own tests."""
    made = Account.objects.create(name="ann", calls_per_second=1000, token_calls_per_hour=1000)
    contacts.generate(contacts.add_list(made, "People"), 3)
    return made


@pytest.fixture
def people(account: Account) -> ContactList:
    return account.lists.get()


@pytest.fixture
def app(client: Client) -> Application:
    return Application(client)


@pytest.fixture
def logged_in(app: Application, account: Account) -> Application:
    assert app.log_in().status_code == 200
    return app


@pytest.fixture
def control(client: Client) -> Callable[..., Any]:
    """Calls the control API with a JSON body; returns Django's test response."""

    def call(method: str, path: str, body: Any = None) -> Any:
        content = b"" if body is None else json.dumps(body).encode()
        return client.generic(method, f"/sandbox/control{path}", content, content_type="application/json")

    return call


def cells(**values: str) -> Values:
    return Values({name.replace("_", " "): value for name, value in values.items()})
