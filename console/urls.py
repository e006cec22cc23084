"""The pages."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from console import (
    account,
    audit_log,
    dashboard,
    edit_instance,
    event_log,
    export,
    help_pages,
    instances,
    members,
    organization,
    two_factor,
)
from console.log_in import LogIn, second_step

app_name = "console"
urlpatterns = [
    path("", dashboard.show, name="dashboard"),
    path("login", LogIn.as_view(), name="login"),
    path("login/code", second_step, name="second_step"),
    path("logout", LogoutView.as_view(), name="logout"),
    path("account", account.show, name="account"),
    path("account/secret/show", account.show_secret, name="show_secret"),
    path("account/secret/rotate", account.rotate_secret, name="rotate_secret"),
    path("account/secret/end", account.end_former_secret, name="end_secret"),
    path("account/password", account.change_password, name="password"),
    path("account/organization", organization.show, name="organization"),
    path("account/organization/policy", organization.change_failure_policy, name="failure_policy"),
    path("account/organization/secret/show", organization.show_organization_secret, name="show_organization_secret"),
    path(
        "account/organization/secret/rotate",
        organization.rotate_organization_secret,
        name="rotate_organization_secret",
    ),
    path(
        "account/organization/secret/end",
        organization.end_former_organization_secret,
        name="end_organization_secret",
    ),
    path("account/members", members.listing, name="members"),
    path("account/members/invite", members.invite_member, name="invite_member"),
    path("account/members/<int:user_id>/role", members.change_member_role, name="member_role"),
    path("account/members/<int:user_id>/in", members.let_member_in, name="member_in"),
    path("account/members/<int:user_id>/out", members.lock_member_out, name="member_out"),
    path("account/members/<int:user_id>/password", members.give_member_password, name="member_password"),
    path("account/members/<int:user_id>/remove", members.remove_member, name="remove_member"),
    path("account/two-factor", two_factor.show, name="two_factor"),
    path("account/two-factor/begin", two_factor.begin_two_factor, name="two_factor_begin"),
    path("account/two-factor/on", two_factor.switch_two_factor_on, name="two_factor_on"),
    path("account/two-factor/codes", two_factor.make_recovery_codes, name="two_factor_codes"),
    path("account/two-factor/off", two_factor.switch_two_factor_off, name="two_factor_off"),
    path("instances", instances.listing, name="instances"),
    path("instances/new", edit_instance.new, name="new"),
    path("instances/finish", edit_instance.finish, name="finish"),
    path("instances/<int:instance_id>", instances.one, name="instance"),
    path("instances/<int:instance_id>/edit", edit_instance.edit, name="edit"),
    path("instances/<int:instance_id>/delete", edit_instance.delete, name="delete"),
    path("instances/<int:instance_id>/poll", instances.poll, name="poll"),
    path("instances/<int:instance_id>/enabled", instances.enabled, name="enabled"),
    path("instances/<int:instance_id>/test", instances.test_event, name="test_event"),
    path("audit", audit_log.listing, name="audit"),
    path("help", help_pages.index, name="help"),
    path("events", event_log.listing, name="events"),
    path("events/tail", event_log.tail, name="tail"),
    path("events.<str:kind>", export.export, name="export"),
    path("events/<int:change_id>", event_log.one, name="event"),
    path("events/<int:change_id>/redeliver", event_log.redeliver, name="redeliver"),
]
