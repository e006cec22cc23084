"""Who may see a page, and whose things are on it."""

import uuid

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Role, User
from instances.models import Instance
from tests.console import pages, rows

ANY = {"instance_id": 1, "change_id": 1, "user_id": 1, "kind": "csv", "key": uuid.UUID(int=1)}
WITH_ID = sorted(name for name, parameters in pages.ROUTES.items() if any(each.endswith("_id") for each in parameters))


@pytest.mark.parametrize("name", sorted(pages.ROUTES.keys() - pages.OPEN))
def test_every_page_wants_a_log_in(db: None, client: Client, name: str) -> None:
    path = pages.path(name, ANY)
    answers = [client.get(path), client.post(path)]
    asked = [response for response in answers if response.status_code != 405]
    assert asked
    for response in asked:
        assert (response.status_code, response.headers["Location"]) == (302, f"/console/login?next={path}")


def test_the_first_visit_leads_to_the_first_instance(browser: Client) -> None:
    assert 'href="/console/instances/new?first"' in browser.get("/console/").content.decode()


@pytest.mark.parametrize("name", WITH_ID)
def test_a_strangers_id_is_a_404(browser: Client, stranger: User, name: str) -> None:
    theirs = rows.instance(stranger)
    rows.poller(theirs)
    ids = ANY | {"instance_id": theirs.pk, "change_id": rows.change(theirs).pk, "user_id": stranger.pk}
    before = User.objects.filter(pk=stranger.pk).values().get()
    for response in (browser.get(pages.path(name, ids)), browser.post(pages.path(name, ids))):
        assert response.status_code in (404, 405)
        assert theirs.name not in response.content.decode()
        assert stranger.email not in response.content.decode()
    theirs.refresh_from_db()
    assert not theirs.disabled
    assert not theirs.pollers.get().polls.exists()
    assert User.objects.filter(pk=stranger.pk).values().get() == before


@pytest.mark.parametrize("name", WITH_ID)
def test_an_id_that_no_database_holds_is_a_404(browser: Client, name: str) -> None:
    ids = ANY | dict.fromkeys(("instance_id", "change_id", "user_id"), 10**30)
    assert browser.get(pages.path(name, ids)).status_code in (404, 405)
    assert browser.post(pages.path(name, ids)).status_code in (404, 405)


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
    response = careful.post(f"/console/instances/{row.pk}/enabled", {"enabled": "false"})
    assert response.status_code == 403
    assert "The form has expired" in response.content.decode()


@pytest.mark.parametrize("name", ["poll", "enabled"])
def test_actions_are_no_links(browser: Client, member: User, name: str) -> None:
    assert browser.get(f"/console/instances/{rows.instance(member).pk}/{name}").status_code == 405


def test_a_page_that_wants_another_role_says_which(browser: Client, member: User) -> None:
    User.objects.filter(pk=member.pk).update(role=Role.VIEWER)
    response = browser.get(reverse("console:new"))
    assert response.status_code == 403
    assert "This needs the role operator; yours is viewer." in response.content.decode()


def test_the_browser_keeps_no_copy(browser: Client) -> None:
    assert "no-store" in browser.get("/console/instances").headers["Cache-Control"]


def test_a_part_of_a_page_is_never_the_log_in_page(db: None, client: Client) -> None:
    response = client.post("/console/instances/new", {"action": "json"}, headers={"HX-Request": "true"})
    assert response.status_code == 401
    assert "<form" not in response.content.decode()
