"""Pages live under /console/, /oauth/ and /sandbox/; every other path is the API, also below the platform's base."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("", RedirectView.as_view(url="/console/")),
    path("console", RedirectView.as_view(url="/console/")),
    # One log-in, with its second step, for the admin too.
    path("console/admin/login/", RedirectView.as_view(pattern_name="console:login", query_string=True)),
    path("console/admin/", admin.site.urls),
    path("console/", include("console.urls")),
    path("oauth/", include("console.oauth_urls")),
    *(
        [path("sandbox", RedirectView.as_view(url="/sandbox/")), path("sandbox/", include("sandbox.urls"))]
        if settings.SANDBOX_ENABLED
        else []
    ),
    path("elements/api-v2/", include("api.urls")),
    path("", include("api.urls")),
]
handler400 = "acton_hub.errors.bad_request"
handler403 = "acton_hub.errors.permission_denied"
handler404 = "acton_hub.errors.not_found"
handler500 = "acton_hub.errors.server_error"
