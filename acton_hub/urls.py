"""Pages live under /console/, /oauth/ and /sandbox/; every other path is the API, also below the platform's base."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.urls import include, path
from django.views.generic import RedirectView


class AdminLogIn(RedirectView):
    """One log-in, with its second step, for the admin too; who is in and no staff would go round in a circle."""

    pattern_name = "console:login"
    query_string = True

    def get_redirect_url(self, *args: Any, **more: Any) -> str | None:
        """Raises PermissionDenied."""
        user = self.request.user
        if user.is_authenticated and not user.is_staff:
            raise PermissionDenied("The admin of the whole hub is for its staff.")
        return super().get_redirect_url(*args, **more)


urlpatterns = [
    path("", RedirectView.as_view(url="/console/")),
    path("console", RedirectView.as_view(url="/console/")),
    path("console/admin/login/", AdminLogIn.as_view()),
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
