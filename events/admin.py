"""What changed and what came of it, to look at."""

from django.contrib import admin

from accounts.admin import ReadOnlyAdmin
from events.models import (
    Attempt,
    Change,
    Delivery,
    Event,
    InboundCall,
    Notification,
    SetAside,
    Subscription,
    TrackedObject,
)


@admin.register(TrackedObject)
class TrackedObjectAdmin(ReadOnlyAdmin):
    holds_records = ["record"]
    list_display = ["id", "poller", "object_id", "version", "sequence"]
    list_select_related = ["poller__instance"]
    raw_id_fields = ["poller"]
    search_fields = ["=object_id"]


@admin.register(InboundCall)
class InboundCallAdmin(ReadOnlyAdmin):
    list_display = ["id", "instance", "digest", "received_at"]
    list_select_related = ["instance"]
    raw_id_fields = ["instance"]
    search_fields = ["=digest"]


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    holds_records = ["provider_data"]
    list_display = ["id", "instance", "object_type", "status", "event_date"]
    list_filter = ["status", "object_type", "event_date"]
    list_select_related = ["instance"]
    raw_id_fields = ["instance"]
    search_fields = ["=id", "instance__name"]


@admin.register(SetAside)
class SetAsideAdmin(ReadOnlyAdmin):
    holds_records = ["problem"]
    list_display = ["event", "failures", "since", "again_at"]
    list_select_related = ["event"]
    raw_id_fields = ["event"]
    search_fields = ["=event__id", "problem"]


@admin.register(Change)
class ChangeAdmin(ReadOnlyAdmin):
    holds_records = ["record", "previous"]
    list_display = ["id", "instance", "object_type", "object_id", "event_type", "sequence", "found_at"]
    list_filter = ["event_type", "object_type", "found_at"]
    list_select_related = ["instance"]
    raw_id_fields = ["instance", "poller", "poll", "event"]
    search_fields = ["=object_id", "instance__name"]


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnlyAdmin):
    list_display = ["id", "organization", "instance", "channel", "active", "failing_since", "created_at"]
    list_filter = ["active", "channel", "organization", "created_at"]
    list_select_related = ["organization", "instance"]
    raw_id_fields = ["organization", "instance"]
    search_fields = ["instance__name"]


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    holds_records = ["body_tail"]
    list_display = ["id", "organization", "instance", "topic", "severity", "webhook_id", "created_at"]
    list_filter = ["topic", "severity", "created_at"]
    list_select_related = ["organization", "instance"]
    raw_id_fields = ["organization", "instance", "event"]
    search_fields = ["=webhook_id", "instance__name"]


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    holds_records = ["last_error"]
    list_display = ["id", "notification", "subscription", "status", "attempts_made", "next_attempt_at", "last_error"]
    list_filter = ["status", "created_at"]
    list_select_related = ["notification", "subscription"]
    raw_id_fields = ["notification", "subscription"]
    search_fields = ["=notification__id", "last_error"]


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyAdmin):
    holds_records = ["error", "response"]
    list_display = ["id", "delivery", "number", "started_at", "duration_ms", "status_code", "error"]
    list_filter = ["status_code", "started_at"]
    list_select_related = ["delivery"]
    raw_id_fields = ["delivery"]
    search_fields = ["=delivery__id", "error"]
