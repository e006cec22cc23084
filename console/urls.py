"""The pages."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from console import account, audit_log, dashboard, edit_instance, event_log, export, help_pages, instances, two_factor
from console.log_in import LogIn, second_step

app_name = "console"
urlpatterns = [
    path("", dashboard.show, name="dashboard"),
    path("login", LogIn.as_view(), name="login"),
    path("login/code", second_step, name="second_step"),
    path("logout", LogoutView.as_view(), name="logout"),
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
    path("account", account.show, name="account"),
    path("help", help_pages.index, name="help"),
    path("events", event_log.listing, name="events"),
    path("events/tail", event_log.tail, name="tail"),
    path("events.<str:kind>", export.export, name="export"),
    path("events/<int:change_id>", event_log.one, name="event"),
    path("events/<int:change_id>/redeliver", event_log.redeliver, name="redeliver"),
]
