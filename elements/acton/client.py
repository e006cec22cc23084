"""HTTP to Act-On: one pool, time-outs, a ceiling on bodies, and answers that are never assumed to be JSON.

Nothing here touches the database, so that it may run in any thread: the caller brings the token and has
reserved the call (`elements.acton.limits`).
"""

import json
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from django.conf import settings
from django.utils import timezone
from requests.adapters import HTTPAdapter

from acton_hub import deadline, masking, outbound, steady
from elements.acton.exceptions import ActOnError, NeedsAuthentication, Refused, Throttled, Unauthorized
from elements.acton.uploads import Upload

TIMEOUT_S = (5, 20)  # to connect, between two bytes
WHOLE_S = 60.0  # from the request to the last byte of the answer
MOST_BYTES = 64 * 1024 * 1024
SHOWN_CHARACTERS = 500
THROTTLING_WORDS = ("throttl", "too many", "rate limit", "quota", "calls per second", "limit exceeded")
SECRET_FIELDS = ("client_secret", "refresh_token", "code", "password")

_local = threading.local()


@dataclass(frozen=True)
class Answer:
    """A successful answer of Act-On: its JSON, and when Act-On says that it was given (None: it does not say)."""

    body: Any
    date: datetime | None
    sent_at: datetime  # our clock
    received_at: datetime  # our clock
    clock: steady.Stamp  # our clock when it was received


def _session() -> requests.Session:
    """A session for each thread, since they are not made to be shared; guarded as those of callbacks are.

    The sandbox alone is let through wherever it is: it is the hub itself.
    """
    session: requests.Session | None = getattr(_local, "session", None)
    if session is None:
        session = _local.session = outbound.session()
        if settings.SANDBOX_ENABLED:
            session.mount(f"{settings.SANDBOX_API_URL}/", HTTPAdapter())
    return session


def request(
    method: str,
    url: str,
    *,
    token: str = "",
    params: dict[str, str] | None = None,
    form: dict[str, str] | None = None,
    json_body: Any = None,
    upload: Upload | None = None,
) -> Answer:
    """One call. Raises ActOnError or one of its kinds, with Act-On's own words, when there is no usable answer."""
    sent_at = timezone.now()
    headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data: Any = form
    if upload is not None:
        data, headers["Content-Type"] = upload, upload.content_type
    try:
        with deadline.within(WHOLE_S), _session().request(
            method, url, params=params, data=data, json=json_body, headers=headers,
            timeout=TIMEOUT_S, allow_redirects=False, stream=True,
        ) as response:  # fmt: skip
            raw = _read(response)
    except outbound.Forbidden as error:
        raise ActOnError(str(error)) from error
    except requests.RequestException as error:
        raise ActOnError(f"Act-On could not be reached ({type(error).__name__})") from error
    text, sent = raw.decode("utf-8", "replace"), _secrets_of(token, form)
    if response.status_code != 200:
        raise error_for(response.status_code, response.headers.get("Retry-After"), masking.without(sent, text))
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as error:
        kind, words = response.headers.get("Content-Type", "no content type"), _shown(masking.without(sent, text))
        raise ActOnError(f"Act-On's answer is not JSON ({kind})", status=200, provider_message=words) from error
    return Answer(body, _date(response.headers.get("Date")), sent_at, timezone.now(), steady.stamp())


def _secrets_of(token: str, form: dict[str, str] | None) -> list[str]:
    """What was sent that must not be told again, should the answer repeat it."""
    return [value for value in (token, *((form or {}).get(name, "") for name in SECRET_FIELDS)) if len(value) > 3]


def _read(response: requests.Response) -> bytes:
    """The whole body. Raises ActOnError where it is larger than the ceiling."""
    raw = bytearray()
    for chunk in response.iter_content(256 * 1024):
        raw += chunk
        if len(raw) > MOST_BYTES:
            raise ActOnError(f"Act-On's answer is larger than {MOST_BYTES} bytes", status=response.status_code)
    return bytes(raw)


def error_for(status: int, retry_after: str | None, text: str) -> ActOnError:
    """The exception that an answer other than 200 stands for (CONTRACT §8: errors, limits)."""
    words = words_of(text)
    if status == 429 or (status in (403, 503) and any(word in text.lower() for word in THROTTLING_WORDS)):
        seconds = float(retry_after) if retry_after and retry_after.isascii() and retry_after.isdigit() else 0.0
        return Throttled("Act-On asks to slow down", retry_after=seconds, status=status, provider_message=words)
    if status == 401:
        return Unauthorized("Act-On does not accept the access token", status=status, provider_message=words)
    if 400 <= status < 500:
        return Refused(f"Act-On refused the request with {status}", status=status, provider_message=words)
    return ActOnError(f"Act-On answered {status}", status=status, provider_message=words)


def words_of(text: str) -> str:
    """What Act-On says in an error body, in whichever of its shapes; the body's beginning where it has none."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return _shown(text)
    if isinstance(body, dict):
        for key in ("message", "error_description", "moreInformation", "httpMessage", "error"):
            if isinstance(body.get(key), str) and body[key]:
                return _shown(body[key])
    return _shown(text)


def _shown(text: str) -> str:
    return " ".join(text.split())[:SHOWN_CHARACTERS]


def _date(header: str | None) -> datetime | None:
    if not header:
        return None
    try:
        moment = parsedate_to_datetime(header)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None  # as good as no header: the caller then uses its own clock


def token_call(url: str, form: dict[str, str]) -> Answer:
    """A call of the token endpoint. Raises NeedsAuthentication where the grant or the client is refused."""
    try:
        answer = request("POST", url, form=form)
    except (Refused, Unauthorized) as error:
        raise NeedsAuthentication(
            "Act-On refused the authorization", status=error.status, provider_message=error.provider_message
        ) from error
    body = answer.body
    tokens = [body.get("access_token"), body.get("refresh_token")] if isinstance(body, dict) else []
    if not tokens or not all(isinstance(token, str) and token for token in tokens):
        raise ActOnError("Act-On's token answer has no tokens", status=200)
    return answer
