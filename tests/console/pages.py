"""Every route of the console, out of its URL configuration, so that a new one is tried without being asked."""

from collections.abc import Mapping

from django.urls import URLPattern, reverse

from console import urls

OPEN = {"login", "second_step", "logout"}  # for those who have not logged in yet
ROUTES = {
    pattern.name: list(pattern.pattern.converters)
    for pattern in urls.urlpatterns
    if isinstance(pattern, URLPattern) and pattern.name
}


def path(name: str, ids: Mapping[str, object]) -> str:
    """The route's path, its parameters filled in. Raises KeyError for a kind of parameter that `ids` does not know."""
    return reverse(f"console:{name}", kwargs={parameter: ids[parameter] for parameter in ROUTES[name]})
