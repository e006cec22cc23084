"""Instances, to look at; they are made and changed by the API and the console, which know the rules."""

import json
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.admin import ReadOnlyAdmin
from instances.configuration import masked
from instances.models import Instance


@admin.register(Instance)
class InstanceAdmin(ReadOnlyAdmin):
    list_display = ["id", "name", "organization", "state", "tags", "refresh_minutes", "created_at"]
    list_filter = ["disabled", "events_enabled", "organization", "created_at"]
    list_select_related = ["organization", "connection"]
    raw_id_fields = ["organization", "user", "connection"]
    search_fields = ["name", "organization__name"]
    readonly_fields = ["masked_configuration"]

    def get_fields(self, request: HttpRequest, obj: Instance | None = None) -> Any:
        return [name for name in super().get_fields(request, obj) if name != "configuration"]

    @admin.display(description="configuration")
    def masked_configuration(self, instance: Instance) -> str:
        return json.dumps(masked(instance), indent=2)
