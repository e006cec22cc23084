"""What a WSGI server gets to send."""

import io
from typing import Any

import pytest
from django.test import RequestFactory

from acton_hub.wsgi import application, without_body_for_head

pytestmark = pytest.mark.django_db(databases="__all__")


def sent(method: str, path: str) -> tuple[str, bytes]:
    """Status and body as a server would send them."""
    told: list[str] = []
    environ = RequestFactory().generic(method, path).environ
    body = application(environ, lambda status, headers: told.append(status))
    return told[0], b"".join(body)


@pytest.mark.parametrize("path", ["/console/login", "/healthz/live", "/nowhere"])
def test_head_is_answered_like_get_without_its_body(path: str) -> None:
    status, body = sent("GET", path)
    assert body
    assert sent("HEAD", path) == (status, b"")


def test_what_is_not_sent_is_closed_all_the_same() -> None:
    """A file, or rows that are still being read."""
    body: Any = io.BytesIO(b"rows")
    assert list(without_body_for_head(lambda *_: body)({"REQUEST_METHOD": "HEAD"}, None)) == []
    assert body.closed
