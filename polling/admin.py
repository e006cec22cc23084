"""Pollers, their positions and their polls, to look at."""

from django.contrib import admin

from accounts.admin import ReadOnlyAdmin
from polling.models import Poll, Poller, Position


@admin.register(Poller)
class PollerAdmin(ReadOnlyAdmin):
    list_display = ["id", "instance", "resource", "next_poll_at", "failures", "checked_ms", "created_at"]
    list_filter = ["resource", "created_at"]
    list_select_related = ["instance"]
    raw_id_fields = ["instance"]
    search_fields = ["resource", "instance__name"]


@admin.register(Position)
class PositionAdmin(ReadOnlyAdmin):
    list_display = ["id", "poller", "list_id", "list_name", "position_ms", "moved_at"]
    list_filter = ["moved_at"]
    list_select_related = ["poller__instance"]
    raw_id_fields = ["poller"]
    search_fields = ["list_id", "list_name"]


@admin.register(Poll)
class PollAdmin(ReadOnlyAdmin):
    list_display = [
        "id", "poller", "trigger", "status", "queued_at", "finished_at", "requests", "records_read", "events_created",
        "records_skipped",
    ]  # fmt: skip
    list_filter = ["status", "trigger", "queued_at"]
    list_select_related = ["poller__instance"]
    raw_id_fields = ["poller"]
    search_fields = ["poller__resource", "poller__instance__name", "error"]
