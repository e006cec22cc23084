"""`/healthz`, `/healthz/live` and `/version` (CONTRACT §9); for probes, so without authorization."""

from functools import cache

from django.conf import settings
from django.db import DatabaseError, connections
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

import acton_hub
from acton_hub import queue
from acton_hub.errors import request_id_of
from acton_hub.models import Heartbeat
from api.operations import operation

KINDS = {"cluster": "no worker has run a task lately", "dispatcher": "no dispatcher has shown life lately"}


@operation("Whether the hub can do its work", answer=dict[str, str], refuses=(503,), public=True)
def healthz(request: HttpRequest) -> HttpResponse:
    """200 when database, migrations, queue and a worker are there, else 503 with the reasons."""
    reasons = reasons_against()
    if reasons:
        found = {"requestId": request_id_of(request), "message": f"Unavailable: {'; '.join(reasons)}"}
        return JsonResponse(found | {"status": "unavailable", "reasons": reasons}, status=503)
    return JsonResponse({"status": "ok", "version": acton_hub.__version__})


@operation("Whether this process answers at all", answer=dict[str, str], public=True)
def live(request: HttpRequest) -> HttpResponse:
    """200 as long as this process answers at all."""
    return JsonResponse({"status": "ok"})


@operation("Which version runs", answer=dict[str, str], public=True)
def version(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"name": "acton-hub", "version": acton_hub.__version__})


def reasons_against() -> list[str]:
    """Why the hub cannot do its work now; empty when it can."""
    try:
        behind = [alias for alias in settings.DATABASES if not is_migrated(alias)]
        if behind:
            return [f"migrations are missing in the database {alias!r}: run `manage.py migrate`" for alias in behind]
        young = Heartbeat.objects.young(timezone.now()).values_list("name", flat=True)
        alive = {name.partition(":")[0] for name in young}
    except DatabaseError:
        return ["the database does not answer"]
    reasons = [reason for kind, reason in KINDS.items() if kind not in alive]
    return reasons if queue.is_there() else [*reasons, "the queue does not answer"]


def is_migrated(alias: str) -> bool:
    """Whether the database has every migration of this release; asked until it is so, then remembered."""
    return alias in _migrated() or _look(alias)


@cache
def _migrated() -> set[str]:
    return set()


def _look(alias: str) -> bool:
    executor = MigrationExecutor(connections[alias])
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return False
    _migrated().add(alias)
    return True
