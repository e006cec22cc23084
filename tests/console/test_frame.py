"""What every page has: the notice of the sandbox, moments in UTC, and an error page that nothing can break."""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import OperationalError, connection
from django.test import Client, RequestFactory

from accounts.models import User
from acton_hub import errors
from console.templatetags import moments
from tests.console import rows


def test_every_page_says_that_act_on_is_the_sandbox(browser: Client, member: User) -> None:
    change = rows.change(rows.instance(member))
    for path in ("/console/instances", "/console/events", f"/console/events/{change.pk}", "/oauth/callback"):
        text = browser.get(path).content.decode()
        assert "Act-On is the built-in <strong>sandbox</strong>" in text
        assert 'href="/sandbox/"' in text


def test_no_notice_where_act_on_is_act_on(browser: Client, settings: Any) -> None:
    settings.ACTON_API_URL = "https://api.actonsoftware.com"
    assert "built-in" not in browser.get("/console/events").content.decode()


def test_pages_carry_no_inline_style_or_script(browser: Client, member: User) -> None:
    row = rows.instance(member)
    rows.poll(rows.poller(row))
    for path in ("/console/instances", f"/console/instances/{row.pk}", "/console/events", "/console/nowhere"):
        response = browser.get(path)
        text = response.content.decode()
        assert all(re.match(r' src="/static/[\w./-]+\.js" defer></script>', part) for part in text.split("<script")[1:])
        policy = response.headers["Content-Security-Policy"]
        assert "script-src 'self'; style-src 'self';" in policy
        assert "unsafe" not in policy
        assert "<style" not in text
        assert " style=" not in text


def test_an_unknown_page_is_an_error_page(client: Client) -> None:
    response = client.get("/console/nowhere")
    assert response.status_code == 404
    text = response.content.decode()
    assert "There is nothing at /console/nowhere." in text
    assert response.headers["Elements-Request-Id"] in text


@pytest.mark.parametrize("status", [400, 403, 404, 500, 503])
def test_the_error_page_needs_no_database(status: int, settings: Any) -> None:
    # No `db` fixture here: a query would fail the test.
    request = RequestFactory().get("/console/events")
    request.user = AnonymousUser()
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}
    }
    if status == 500:
        response = errors.server_error(request)
    elif status == 503:
        response = errors.database_away(request, OperationalError("the disk is full"))
    else:
        answer = {400: errors.bad_request, 403: errors.permission_denied, 404: errors.not_found}[status]
        response = answer(request, ValueError("x"))
    assert response.status_code == status
    assert f'<p class="crumbs">{status}</p>' in response.content.decode()


def test_a_page_says_that_the_database_is_away(browser: Client) -> None:
    def refuse(*args: Any) -> None:
        raise OperationalError("database or disk is full")

    browser.raise_request_exception = False  # the page, as a web server sends it
    with connection.execute_wrapper(refuse):
        response = browser.get("/console/instances")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert "The database does not answer now; try again." in response.content.decode()


def test_moments_are_shown_in_utc() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2)))
    assert (
        moments.utc(moment) == '<time datetime="2026-01-02T01:04:05.000Z">2026-01-02 01:04:05 <small>UTC</small></time>'
    )
    assert moments.utc(None) == ""


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(0, "1970-01-01 00:00:00.000"), (-1, "1969-12-31 23:59:59.999"), (1_764_000_000_123, "2025-11-24 16:00:00.123")],
)
def test_epoch_milliseconds_are_shown_to_the_millisecond(milliseconds: int, text: str) -> None:
    assert text in moments.utc_ms(milliseconds)


def test_a_number_that_is_no_moment_is_shown_as_a_number() -> None:
    assert moments.utc_ms(2**62) == f"{2**62} ms"
    assert moments.utc_ms(None) == ""


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59, "59 s"), (720, "12 min"), (11_100, "3 h 5 min"), (187_200, "2 d 4 h")]
)
def test_spans_are_shown_in_their_largest_units(seconds: int, text: str) -> None:
    assert moments.span(timedelta(seconds=seconds)) == text


def test_the_year_of_a_moment_is_never_cut() -> None:
    assert "0800-01-01" in moments.utc(datetime(800, 1, 1, tzinfo=UTC))
