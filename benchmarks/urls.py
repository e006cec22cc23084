from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from acton_hub import urls
from events.models import Event, EventStatus

handler400, handler403, handler404, handler500 = urls.handler400, urls.handler403, urls.handler404, urls.handler500


@csrf_exempt
def bare(request: HttpRequest) -> HttpResponse:
    """So many bytes, and nothing else."""
    return HttpResponse(b"x" * int(request.GET.get("size", "0")), content_type="application/json")


@csrf_exempt
def store(request: HttpRequest, instance_id: int) -> HttpResponse:
    """Keeps the body with one INSERT, and nothing else."""
    Event.objects.create(
        instance_id=instance_id, object_type="events", status=EventStatus.RECEIVED, event_date=timezone.now(),
        provider_data=request.body.decode(),
    )  # fmt: skip
    return HttpResponse(b"{}", content_type="application/json")


urlpatterns = [
    path("benchmark", bare),
    path("benchmark/store/<int:instance_id>", store),
    path("", include("acton_hub.urls")),
]
