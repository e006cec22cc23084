"""Who may see a page, and whose things are on it."""

import pytest
from django.test import Client
from django.urls import URLPattern, reverse

from accounts.models import User
from console import urls
from instances.models import Instance
from tests.console import rows

OPEN = {"login", "logout"}
PAGES = sorted(pattern.name or "" for pattern in urls.urlpatterns if isinstance(pattern, URLPattern))


def path_of(name: str, instance_id: int = 1, change_id: int = 1) -> str:
    wanted = dict.fromkeys(("instance", "poll", "enabled", "edit", "delete", "test_event"), "instance_id") | {
        "event": "change_id",
        "redeliver": "change_id",
        "export": "kind",
    }
    ids = {"instance_id": instance_id, "change_id": change_id, "kind": "csv"}
    return reverse(f"console:{name}", kwargs={wanted[name]: ids[wanted[name]]} if name in wanted else {})


def method_of(name: str) -> str:
    return "POST" if name in ("poll", "enabled", "delete", "finish", "test_event", "redeliver") else "GET"


@pytest.mark.parametrize("name", [name for name in PAGES if name not in OPEN])
def test_every_page_wants_a_log_in(db: None, client: Client, name: str) -> None:
    path = path_of(name)
    response = client.generic(method_of(name), path)
    assert response.status_code == 302
    assert response.headers["Location"] == f"/console/login?next={path}"


def test_the_first_visit_leads_to_the_first_instance(browser: Client) -> None:
    assert 'href="/console/instances/new"' in browser.get("/console/").content.decode()


@pytest.mark.parametrize("name", ["instance", "poll", "enabled", "event", "edit", "delete", "test_event", "redeliver"])
def test_a_strangers_id_is_a_404(browser: Client, stranger: User, name: str) -> None:
    theirs = rows.instance(stranger)
    rows.poller(theirs)
    path = path_of(name, theirs.pk, rows.change(theirs).pk)
    response = browser.generic(method_of(name), path)
    assert response.status_code == 404
    assert theirs.name not in response.content.decode()
    theirs.refresh_from_db()
    assert not theirs.disabled
    assert not theirs.pollers.get().polls.exists()


@pytest.mark.parametrize("name", ["instance", "event"])
def test_an_id_that_no_database_holds_is_a_404(browser: Client, name: str) -> None:
    assert browser.get(path_of(name, 10**30, 10**30)).status_code == 404


@pytest.mark.parametrize("path", ["/console/instances", "/console/events"])
def test_lists_hold_nothing_of_a_stranger(browser: Client, member: User, stranger: User, path: str) -> None:
    mine, theirs = rows.instance(member, "Ours"), rows.instance(stranger, "Theirs")
    rows.change(mine, "l-0001:111")
    rows.change(theirs, "l-0001:999")
    text = browser.get(path).content.decode()
    assert "Ours" in text
    assert "Theirs" not in text
    assert "999" not in text


def test_the_event_log_cannot_be_filtered_by_a_strangers_instance(browser: Client, stranger: User) -> None:
    theirs: Instance = rows.instance(stranger)
    assert browser.get("/console/events", {"instance": theirs.pk}).status_code == 404


def test_one_logs_in_by_address_and_password_and_out_again(client: Client, member: User) -> None:
    member.set_password("correct horse")
    member.save()
    wrong = client.post("/console/login", {"username": member.email, "password": "wrong"})
    assert "do not fit together" in wrong.content.decode()
    there = client.post(
        "/console/login", {"username": member.email.upper(), "password": "correct horse", "next": "/console/events"}
    )
    assert there.headers["Location"] == "/console/events"
    assert member.email in client.get("/console/events").content.decode()
    assert client.post("/console/logout").headers["Location"] == "/console/login"
    assert client.get("/console/events").status_code == 302


def test_log_in_leads_to_no_other_site(client: Client, member: User) -> None:
    member.set_password("correct horse")
    member.save()
    form = {"username": member.email, "password": "correct horse", "next": "https://evil.example/"}
    assert client.post("/console/login", form).headers["Location"] == "/console/"


def test_actions_want_a_csrf_token(member: User) -> None:
    row = rows.instance(member)
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(member)
    response = careful.post(path_of("enabled", row.pk), {"enabled": "false"})
    assert response.status_code == 403
    assert "The form has expired" in response.content.decode()


@pytest.mark.parametrize("name", ["poll", "enabled"])
def test_actions_are_no_links(browser: Client, member: User, name: str) -> None:
    assert browser.get(path_of(name, rows.instance(member).pk)).status_code == 405


def test_the_browser_keeps_no_copy(browser: Client) -> None:
    assert "no-store" in browser.get("/console/instances").headers["Cache-Control"]
