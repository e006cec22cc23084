"""Calls of the API, ready to be pasted into a shell."""

import json
import re
import shlex
from typing import Any
from urllib.parse import urlencode

from django.conf import settings

from acton_hub import masking, outbound
from elements.acton import connections
from events.delivery import Letter
from instances.configuration import MASK
from instances.models import Instance

# What the sandbox takes for an application: any key and secret will do there.
SANDBOX_API_KEY, SANDBOX_API_SECRET = "my-key", "my-secret"
BEGIN, END = r"\\ue000", r"\\ue001"  # in JSON, around the name of a variable: characters that nobody types
AUTHORIZATION = '"$AUTH"'  # a variable of the shell: secrets are not shown on pages


def landing_page() -> str:
    """The hub's own callback URL for OAuth."""
    return f"{settings.PUBLIC_URL}/oauth/callback"


def authorize_at_sandbox() -> str:
    """Where a browser gets a code for `create_instance`, where Act-On is the sandbox."""
    return connections.authorize_url(
        host="sandbox", api_key=SANDBOX_API_KEY, callback_url=landing_page(), state="acton", scope=""
    )


def authorize_url(callback_url: str = "") -> str:
    """The call that tells where a browser gets a code, which is good together with this callback URL only."""
    placeholders = {"apiKey": "YOUR_API_KEY", "apiSecret": "YOUR_API_SECRET"}
    query = urlencode(placeholders | {"callbackUrl": callback_url or landing_page()}, safe=":/")
    return f"curl {shlex.quote(f'{settings.PUBLIC_URL}/elements/api-v2/elements/acton/oauth/url?{query}')}"


def create_instance(code: str) -> str:
    """`POST /instances` with this code (CONTRACT §3)."""
    sandbox = settings.ACTON_API_URL == "sandbox"
    callback = "/sandbox/inbox/first" if settings.SANDBOX_ENABLED else ""
    body = {
        "element": {"key": "acton"},
        "providerData": {"code": code},
        "configuration": {
            "oauth.api.key": SANDBOX_API_KEY if sandbox else "YOUR_API_KEY",
            "oauth.api.secret": SANDBOX_API_SECRET if sandbox else "YOUR_API_SECRET",
            "oauth.callback.url": landing_page(),
            "event.notification.enabled": True,
            "event.vendor.type": "polling",
            "event.notification.callback.url": settings.PUBLIC_URL + callback if callback else "YOUR_CALLBACK_URL",
            "event.poller.refresh_interval": "15",
        },
        "tags": ["Docs"],
        "name": "API Instance with Polling",
    }
    return _call("POST", "/instances", body)


def send_instance(body: dict[str, Any], instance: Instance | None) -> str:
    """The call that does what the form does: make the instance, or change it.

    What the form masks in a new one, and the code, are variables of the shell; a stored one keeps what comes masked.
    """
    if instance:
        return _call("PATCH", f"/instances/{instance.pk}", body)
    raw = {key: _variable(key) if value == MASK else value for key, value in body["configuration"].items()}
    call = _call("POST", "/instances", body | {"providerData": {"code": _variable("code")}, "configuration": raw})
    # Of what was typed nothing but a name can get out of the quotes: the text may be somebody else's.
    return re.sub(f"{BEGIN}([A-Z0-9_]+){END}", r"""'"$\1"'""", call)


def variables(body: dict[str, Any]) -> list[str]:
    """The names of the variables in `send_instance` of a new one."""
    return ["CODE", *(_named(key) for key, value in body["configuration"].items() if value == MASK)]


def _named(key: str) -> str:
    return re.sub(r"[^A-Z0-9]+", "_", key.upper())


def _variable(key: str) -> str:
    return f"\ue000{_named(key)}\ue001"


def authenticate_again(instance: Instance) -> str:
    """`PATCH /instances/{id}` with a new code: what was configured, and every position, stays."""
    return _call("PATCH", f"/instances/{instance.pk}", {"providerData": {"code": "THE_NEW_CODE"}})


def deliver(letter: Letter) -> str:
    """The call that an attempt is: the same bytes (but for MASKED_FIELDS), with the same headers.

    The body goes in by a pipe: the shell's own `printf` takes any length, an argument of curl's does not. Where the
    callback wants basic authorization, its password is a variable of the shell. `-g`: brackets in the URL are its own.
    """
    headers = {"User-Agent": outbound.USER_AGENT} | letter.headers
    options = [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in headers.items()]
    if letter.basic:
        options.append(f'-u {shlex.quote(letter.basic[0])}:"$CALLBACK_PASSWORD"')
    body = shlex.quote(masking.in_json(letter.body.decode()))
    lines = [f"printf %s {body} | curl -g {shlex.quote(letter.url)}", *options, "--data-binary @-"]
    return " \\\n  ".join(lines)


def _call(method: str, path: str, body: dict[str, Any]) -> str:
    return (
        f"curl -X {method} {shlex.quote(f'{settings.PUBLIC_URL}/elements/api-v2{path}')} \\\n"
        f"  -H {AUTHORIZATION} -H 'Content-Type: application/json' \\\n"
        f"  -d {shlex.quote(json.dumps(body, indent=2))}"
    )
