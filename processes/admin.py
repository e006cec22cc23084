from django.contrib import admin

from accounts.admin import ReadOnlyAdmin
from acton_hub.models import Heartbeat, Lease


@admin.register(Heartbeat)
class HeartbeatAdmin(ReadOnlyAdmin):
    list_display = ["name", "host", "pid", "beat_at"]
    search_fields = ["name", "host"]


@admin.register(Lease)
class LeaseAdmin(ReadOnlyAdmin):
    list_display = ["name", "holder", "expires_at"]
    search_fields = ["name", "holder"]
