"""Django's admin: every model can be looked at, and no secret is on any page."""

import re
from datetime import timedelta

import pytest
from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import secret_rotation
from accounts.models import FormerSecret, Organization, TwoFactor, User
from elements.models import CallBudget
from events.models import Attempt, Change, Delivery, Event, InboundCall, Notification, SetAside, TrackedObject
from polling.models import Poll, Position
from tests.console import rows

APPS = {"accounts", "elements", "instances", "polling", "events"}
MODELS = [model for model in admin.site._registry if model._meta.app_label in APPS]
MACHINE_WRITTEN: list[type[Model]] = [
    Poll, Change, Event, Notification, Delivery, Attempt, TrackedObject, Position, CallBudget, FormerSecret,
]  # fmt: skip


def path_of(model: type[Model], what: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{what}", args=args)


@pytest.fixture
def root(client: Client, db: None) -> Client:
    """A superuser, and a row of every model with a secret wherever one fits."""
    organization = Organization(name="Root")
    organization.set_secret(f"{rows.SECRET}-organization")
    organization.save()
    user = User(organization=organization, email="root@example.com", is_staff=True, is_superuser=True)
    user.set_secret(f"{rows.SECRET}-user")
    user.set_password("x")
    user.save()
    row = rows.instance(user)
    poller = rows.poller(row)
    rows.position(poller)
    change = rows.change(row, poller=poller, poll=rows.poll(poller))
    rows.attempt(rows.delivery(change))
    TrackedObject.objects.create(poller=poller, object_id="l-0001:1", version="1", record="{}", sequence=1)
    SetAside.objects.create(event=change.event, problem="x", since=timezone.now(), again_at=timezone.now())
    TwoFactor.objects.create(user=user, seed=rows.SECRET, recovery_hashes=[rows.SECRET])
    secret_rotation.rotate(organization, timedelta(days=1), timezone.now())
    InboundCall.objects.create(instance=row, digest="d", received_at=timezone.now())
    client.force_login(user)
    return client


def test_every_model_of_ours_is_registered() -> None:
    from django.apps import apps

    assert set(MODELS) == {model for app in APPS for model in apps.get_app_config(app).get_models()}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_model_can_be_looked_at_and_no_secret_is_shown(root: Client, model: type[Model]) -> None:
    row = model._default_manager.latest("pk")
    pages = [path_of(model, "changelist"), f"{path_of(model, 'changelist')}?q=x", path_of(model, "change", row.pk)]
    for path in pages:
        response = root.get(path)
        assert response.status_code == 200, path
        text = response.content.decode()
        assert rows.SECRET not in text
        for field in row._meta.concrete_fields:
            if field.name.endswith("_hash"):
                assert str(field.value_from_object(row)) not in text


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_what_the_machine_writes_cannot_be_changed(root: Client, model: type[Model]) -> None:
    if model in (User, Organization):
        return
    row = model._default_manager.latest("pk")
    assert root.get(path_of(model, "add")).status_code == 403
    assert root.post(path_of(model, "change", row.pk), {}).status_code == 403
    assert root.post(path_of(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    assert model._default_manager.filter(pk=row.pk).exists()


def test_lists_can_be_searched_and_filtered() -> None:
    for model in MODELS:
        site: ModelAdmin[Model] = admin.site._registry[model]
        assert site.search_fields
        assert len(site.list_display) > 1


def test_the_configuration_is_masked(root: Client) -> None:
    from instances.models import Instance

    text = root.get(path_of(Instance, "change", Instance.objects.get().pk)).content.decode()
    assert "********" in text
    assert "https://mycoolapp.com/events" in text


def test_a_new_user_gets_a_secret_and_can_log_in(root: Client) -> None:
    organization = Organization.objects.get(name="Root")
    form = {"email": "new@example.com", "organization": organization.pk, "role": "viewer", "usable_password": "true"}
    form |= {"password1": "correct horse battery", "password2": "correct horse battery"}
    response = root.post(path_of(User, "add"), form)
    assert response.status_code == 302, re.findall(r"errorlist.*", response.content.decode())
    made = User.objects.get(email="new@example.com")
    assert made.secret
    assert list(User.objects.with_secret(made.secret)) == [made]
    assert User.objects.get(email="new@example.com").check_password("correct horse battery")


def test_changing_a_user_keeps_the_secret(root: Client) -> None:
    user = User.objects.get()
    before = user.secret
    form = {
        "email": user.email,
        "organization": user.organization_id,
        "role": "admin",
        "first_name": "Ada",
        "is_active": "on",
    }
    assert root.post(path_of(User, "change", user.pk), form | {"is_staff": "on"}).status_code == 302
    user.refresh_from_db()
    assert (user.first_name, user.secret) == ("Ada", before)


def test_a_new_organization_gets_a_secret(root: Client) -> None:
    assert root.post(path_of(Organization, "add"), {"name": "Fresh"}).status_code == 302
    made = Organization.objects.get(name="Fresh")
    assert list(Organization.objects.with_secret(made.secret)) == [made]


def test_the_admin_is_for_staff(browser: Client) -> None:
    response = browser.get(reverse("admin:index"), follow=True)
    assert response.status_code == 403  # and no way round in a circle
    assert "The admin of the whole hub is for its staff." in response.content.decode()
