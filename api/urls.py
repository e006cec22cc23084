"""The API's routes, served under the platform's base path and under the root alike."""

from django.urls import URLPattern, path

from api import (
    accounts,
    analytics,
    backfill,
    configuration,
    deliveries,
    documentation,
    elements,
    events,
    health,
    hub_urls,
    inbound,
    instances,
    metrics,
    notifications,
)
from api.endpoint import endpoint
from api.operations import Operation


def both(rest: str, **operations: Operation) -> list[URLPattern]:
    """A URL below an instance: by its id, and, where its Element token is sent, without one."""
    view = endpoint(**operations)
    return [path(f"instances/<int:instance_id>{rest}", view), path(f"instances{rest}", view)]


settings = endpoint(GET=accounts.read, POST=accounts.change, PATCH=accounts.change)
urlpatterns = [
    # First, since routes are tried in turn, and these come in bursts.
    path("events", endpoint(POST=inbound.take, GET=inbound.take_by_get)),
    path("events/<str:element>", endpoint(POST=inbound.take, GET=inbound.take_by_get)),
    path("events/<str:element>/<int:instance_id>", endpoint(POST=inbound.take, GET=inbound.take_by_get)),
    path("healthz", endpoint(GET=health.healthz)),
    path("healthz/live", endpoint(GET=health.live)),
    path("version", endpoint(GET=health.version)),
    path("metrics", endpoint(GET=metrics.metrics)),
    path("elements/api-docs", endpoint(GET=documentation.api_docs)),
    path("elements", endpoint(GET=elements.read_all)),
    path("elements/keys", endpoint(GET=elements.keys)),
    path("elements/<str:element>", endpoint(GET=elements.read)),
    path("elements/<str:element>/configuration", endpoint(GET=elements.configuration)),
    path("elements/<str:element>/metadata", endpoint(GET=elements.metadata)),
    path("elements/<str:element>/oauth/url", endpoint(GET=elements.oauth_url, POST=elements.oauth_url)),
    path("elements/<str:element>/instances", endpoint(POST=instances.create)),
    path(
        "instances",
        endpoint(
            POST=instances.create,
            GET=instances.read_all,
            PUT=instances.put,
            PATCH=instances.patch,
            DELETE=instances.delete,
        ),
    ),
    path(
        "instances/<int:instance_id>",
        endpoint(GET=instances.read, PUT=instances.put, PATCH=instances.patch, DELETE=instances.delete),
    ),
    *both("/docs", GET=documentation.of_instance),
    *both("/enabled", PUT=instances.enable, DELETE=instances.disable),
    *both("/configuration", GET=configuration.read_all),
    *both("/configuration/<int:row_id>", GET=configuration.read, PATCH=configuration.change),
    path("instances/events/analytics", endpoint(GET=analytics.totals)),
    path("instances/events/analytics/instances", endpoint(GET=analytics.by_instance)),
    path("instances/events/analytics/accounts", endpoint(GET=analytics.by_account)),
    *both("/events", GET=events.read_all),
    *both("/events/test", POST=inbound.send_test),
    *both("/events/redeliver", POST=deliveries.redeliver_events),
    *both("/webhook", GET=inbound.address, POST=inbound.renew),
    *both("/events/<int:event_id>", GET=events.read),
    *both("/poll", POST=instances.poll),
    *both("/poll/preview", POST=backfill.show),
    *both("/polls", GET=instances.polls),
    *both("/backfill", POST=backfill.backfill),
    path("accounts/settings", settings),
    path("accounts/<int:account_id>/settings", settings),
    path(
        "notifications",
        endpoint(POST=notifications.create, GET=notifications.read_all, DELETE=notifications.delete_all),
    ),
    path("notifications/subscriptions", endpoint(POST=notifications.subscribe, GET=notifications.subscriptions)),
    path("notifications/subscriptions/deliveries", endpoint(GET=deliveries.deliveries, PUT=deliveries.release)),
    path(
        "notifications/subscriptions/<int:subscription_id>",
        endpoint(GET=notifications.read_subscription, DELETE=notifications.unsubscribe),
    ),
    path("notifications/<int:notification_id>", endpoint(GET=notifications.read, DELETE=notifications.delete)),
    path("notifications/<int:notification_id>/acknowledge", endpoint(PUT=notifications.acknowledge)),
    path("notifications/<int:notification_id>/redeliver", endpoint(POST=deliveries.redeliver)),
    path("notifications/<int:notification_id>/subscriptions/deliveries", endpoint(GET=deliveries.of_notification)),
    path(
        "notifications/<int:notification_id>/subscriptions/<int:subscription_id>/deliveries",
        endpoint(GET=deliveries.one_delivery),
    ),
    *hub_urls.urlpatterns,
]
