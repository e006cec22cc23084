"""Every route as nobody, viewer, operator, admin and stranger. A new route fails here until the table knows it."""

from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, get_resolver
from django.urls.resolvers import URLResolver

from accounts import bootstrap
from accounts.models import AuditEntry, Organization, Role, User
from api import urls as api_urls
from console import urls as console_urls
from events.models import Subscription
from instances.models import Instance
from tests import rows
from tests.conftest import authorization

pytestmark = pytest.mark.django_db(databases="__all__")
JSON = "application/json"
# Looking takes a viewer and changing an operator; what differs stands here.
API_EXCEPTIONS: dict[tuple[str, str], Role | None] = {
    ("GET", "healthz"): None,
    ("GET", "healthz/live"): None,
    ("GET", "metrics"): None,
    ("GET", "elements/<str:element>/oauth/url"): None,  # tells nothing but what the caller sent
    ("POST", "elements/<str:element>/oauth/url"): None,
    ("GET", "version"): None,
    ("GET", "elements/api-docs"): None,
    ("POST", "events"): None,  # these authorize by a signature or a secret address, too
    ("GET", "events"): None,
    ("POST", "events/<str:element>"): None,
    ("GET", "events/<str:element>"): None,
    ("POST", "events/<str:element>/<int:instance_id>"): None,
    ("GET", "events/<str:element>/<int:instance_id>"): None,
    ("POST", "accounts/settings"): Role.ADMIN,
    ("PATCH", "accounts/settings"): Role.ADMIN,
    ("POST", "accounts/<int:account_id>/settings"): Role.ADMIN,
    ("PATCH", "accounts/<int:account_id>/settings"): Role.ADMIN,
    ("GET", "instances/<int:instance_id>/webhook"): Role.ADMIN,
    ("POST", "instances/<int:instance_id>/webhook"): Role.ADMIN,
    ("GET", "instances/webhook"): Role.ADMIN,
    ("POST", "instances/webhook"): Role.ADMIN,
}
CONSOLE = {
    "dashboard": Role.VIEWER,
    "login": None,
    "logout": None,
    "second_step": None,
    "two_factor": Role.VIEWER,
    "two_factor_begin": Role.VIEWER,
    "two_factor_on": Role.VIEWER,
    "two_factor_codes": Role.VIEWER,
    "two_factor_off": Role.VIEWER,
    "instances": Role.VIEWER,
    "instance": Role.VIEWER,
    "new": Role.OPERATOR,
    "finish": Role.OPERATOR,
    "edit": Role.OPERATOR,
    "delete": Role.OPERATOR,
    "authenticate": Role.OPERATOR,
    "download": Role.OPERATOR,
    "polls": Role.VIEWER,
    "watch": Role.VIEWER,
    "backfill": Role.OPERATOR,
    "paused": Role.OPERATOR,
    "token": Role.ADMIN,
    "webhook": Role.ADMIN,
    "release": Role.OPERATOR,
    "poll": Role.OPERATOR,
    "enabled": Role.OPERATOR,
    "test_event": Role.OPERATOR,
    "try_out": Role.OPERATOR,
    "events": Role.VIEWER,
    "tail": Role.VIEWER,
    "export": Role.VIEWER,
    "event": Role.VIEWER,
    "export_page": Role.VIEWER,
    "export_progress": Role.VIEWER,
    "why": Role.VIEWER,
    "look": Role.OPERATOR,
    "redeliver": Role.OPERATOR,
    "audit": Role.ADMIN,
    "alerts": Role.VIEWER,
    "test_alert": Role.ADMIN,
    "account": Role.VIEWER,
    "show_secret": Role.VIEWER,
    "rotate_secret": Role.VIEWER,
    "end_secret": Role.VIEWER,
    "password": Role.VIEWER,
    "organization": Role.VIEWER,
    "failure_policy": Role.ADMIN,
    "show_organization_secret": Role.ADMIN,
    "rotate_organization_secret": Role.ADMIN,
    "end_organization_secret": Role.ADMIN,
    "members": Role.ADMIN,
    "invite_member": Role.ADMIN,
    "member_role": Role.ADMIN,
    "member_in": Role.ADMIN,
    "member_out": Role.ADMIN,
    "member_password": Role.ADMIN,
    "remove_member": Role.ADMIN,
    "help": Role.VIEWER,
    "connect": Role.VIEWER,
    "signature": Role.VIEWER,
}
# Served beside API and console: Django's own admin (for staff), the landing page of OAuth, the sandbox.
OTHERS = {"console", "console/admin/login/", "sandbox"}  # redirects


def api_routes() -> list[tuple[str, str]]:
    return [
        (method, str(pattern.pattern))
        for pattern in api_urls.urlpatterns
        for method in pattern.callback.operations  # type: ignore[attr-defined]
    ]


PARAMETERS = {"int": "999999", "uuid": "00000000-0000-0000-0000-000000000001"}


def filled(route: str, instance: Instance) -> str:
    path = route.replace("<int:instance_id>", str(instance.pk))
    path = path.replace("<int:account_id>", str(instance.organization_id))
    for kind in ("int", "str", "path", "slug", "uuid"):
        while f"<{kind}:" in path:
            start = path.index(f"<{kind}:")
            end = path.index(">", start)
            path = path[:start] + PARAMETERS.get(kind, "acton") + path[end + 1 :]
    return "/" + path


def needed_of(method: str, route: str) -> Role | None:
    usual = Role.VIEWER if method == "GET" else Role.OPERATOR
    return API_EXCEPTIONS.get((method, route), usual)


@pytest.fixture
def members(user: User) -> dict[Role, User]:
    organization = user.organization
    return {role: bootstrap.add_member(organization, f"{role}@example.com", role)[0] for role in Role}


@pytest.fixture
def instance(user: User) -> Instance:
    return rows.instance(user)


def call(client: Client, method: str, path: str, who: User | None) -> Any:
    headers: Any = authorization(who) if who else {}
    return client.generic(method, path, "null", content_type=JSON, headers=headers)


@pytest.mark.parametrize(("method", "route"), api_routes())
def test_every_route_of_the_api_takes_its_role(
    client: Client, members: dict[Role, User], instance: Instance, method: str, route: str
) -> None:
    needed, path = needed_of(method, route), filled(route, instance)
    if needed is None:
        assert call(client, method, path, None).status_code in (200, 400, 401, 404, 503)
        return
    assert call(client, method, path, None).status_code == 401
    for role, member in members.items():
        status = call(client, method, path, member).status_code
        assert (status == 403) == (not role.includes(needed)), f"{method} {path} as {role}: {status}"
        assert status < 500


def test_what_a_lesser_role_asked_for_changed_nothing(
    client: Client, members: dict[Role, User], instance: Instance
) -> None:
    before = (Instance.objects.count(), Subscription.objects.count(), Organization.objects.get().failure_policy)
    for method, route in api_routes():
        if method != "GET" and needed_of(method, route):
            assert call(client, method, filled(route, instance), members[Role.VIEWER]).status_code == 403
    assert before == (Instance.objects.count(), Subscription.objects.count(), Organization.objects.get().failure_policy)
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    ("method", "route"), [each for each in api_routes() if "<int:instance_id>" in each[1] and needed_of(*each)]
)
def test_another_organizations_instance_is_a_404(client: Client, instance: Instance, method: str, route: str) -> None:
    stranger = bootstrap.create_organization("Other", "stranger@example.com")[1]
    response = call(client, method, filled(route, instance), stranger)
    assert response.status_code in (400, 404), f"{method} {route}"
    assert instance.name not in response.content.decode()
    assert Instance.objects.filter(pk=instance.pk, disabled=False).exists()


def test_the_table_knows_every_page() -> None:
    named = {pattern.name for pattern in console_urls.urlpatterns if isinstance(pattern, URLPattern)}
    assert named == set(CONSOLE)


def test_the_table_knows_whatever_else_is_served() -> None:
    top = {str(pattern.pattern).lstrip("^") for pattern in get_resolver().url_patterns}
    resolvers = {str(p.pattern) for p in get_resolver().url_patterns if isinstance(p, URLResolver)}
    routes = {route for _, route in api_routes()}
    assert top - routes - OTHERS - resolvers == set(), "a route that no test of rights knows"


@pytest.mark.parametrize(("name", "needed"), [(name, role) for name, role in CONSOLE.items() if role])
def test_every_page_takes_its_role(
    client: Client, members: dict[Role, User], instance: Instance, name: str, needed: Role
) -> None:
    pattern = next(p for p in console_urls.urlpatterns if isinstance(p, URLPattern) and p.name == name)
    path = "/console" + filled(str(pattern.pattern).replace("<str:kind>", "csv"), instance)
    for method in ("GET", "POST"):
        client.logout()
        assert client.generic(method, path).status_code in (302, 405)
        for role, member in members.items():
            client.force_login(member)
            status = client.generic(method, path).status_code
            if status != 405:
                assert (status == 403) == (not role.includes(needed)), f"{method} {path} as {role}: {status}"


def test_the_api_knows_no_cookie(client: Client, members: dict[Role, User], instance: Instance) -> None:
    client.force_login(members[Role.ADMIN])
    for method, route in api_routes():
        if needed_of(method, route):
            assert call(client, method, filled(route, instance), None).status_code == 401, f"{method} {route}"


def test_no_form_of_the_pages_is_taken_without_its_token(members: dict[Role, User], instance: Instance) -> None:
    """The admin's too; and the API, which knows no cookie, asks for none."""
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(members[Role.ADMIN])
    paths = {"/console/admin/", "/console/admin/accounts/user/add/", "/oauth/callback"}
    for pattern in console_urls.urlpatterns:
        paths.add("/console/" + filled(str(pattern.pattern).replace("<str:kind>", "csv"), instance).lstrip("/"))
    for path in paths:
        assert browser.post(path, {"enabled": "false"}).status_code == 403, path
    assert browser.post("/instances", "null", content_type=JSON).status_code == 401


def test_only_admins_see_a_token(client: Client, members: dict[Role, User], instance: Instance) -> None:
    shown = {
        role: call(client, "GET", f"/instances/{instance.pk}", member).json()["token"]
        for role, member in members.items()
    }
    assert shown == {Role.VIEWER: "********", Role.OPERATOR: "********", Role.ADMIN: instance.token}
