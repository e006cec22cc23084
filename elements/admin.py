"""Connections to Act-On and their call budgets, to look at."""

from django.contrib import admin

from accounts.admin import ReadOnlyAdmin
from elements.models import CallBudget, Connection


@admin.register(CallBudget)
class CallBudgetAdmin(ReadOnlyAdmin):
    list_display = ["scope", "day", "day_calls", "paused_until", "throttled"]
    list_filter = ["day"]
    search_fields = ["scope"]


@admin.register(Connection)
class ConnectionAdmin(ReadOnlyAdmin):
    list_display = ["id", "organization", "host", "account", "generation", "refreshed_at", "problem", "problem_since"]
    list_filter = ["host", "organization", ("problem", admin.EmptyFieldListFilter)]
    list_select_related = ["organization"]
    raw_id_fields = ["organization", "budget"]
    search_fields = ["host", "account", "problem"]
