from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt

from acton_hub import urls

handler400, handler403, handler404, handler500 = urls.handler400, urls.handler403, urls.handler404, urls.handler500


@csrf_exempt
def bare(request: HttpRequest) -> HttpResponse:
    """So many bytes, and nothing else."""
    return HttpResponse(b"x" * int(request.GET.get("size", "0")), content_type="application/json")


urlpatterns = [path("benchmark", bare), path("", include("acton_hub.urls"))]
