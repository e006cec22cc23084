"""The routes of the hub's resources, with and without the hub's name in front (CONTRACT §7)."""

from django.urls import URLPattern, path

from api import hub
from api.endpoint import endpoint
from api.hub import BY_PATH, changing, first, opting, reading, uploading
from api.operations import Operation

_MESSAGE = "/api/1/message/{id}"
_RECORD = "/api/1/list/{list_id}/record/{record_id}"
ROUTES: dict[str, dict[str, Operation]] = {
    "lists": {
        "GET": BY_PATH["/lists"],
        "POST": uploading("Make a list, out of a CSV where one is sent", "POST", "/api/1/list", "list"),
    },
    "lists/hardbounce": {"GET": BY_PATH["/lists/hardbounce"]},
    "lists/spamcomplaint": {"GET": BY_PATH["/lists/spamcomplaint"]},
    "lists/<str:list_id>": {
        "GET": hub.read_list,
        "PATCH": uploading("Merge a CSV into a list", "PUT", "/api/1/list/{list_id}", "list"),
        "DELETE": changing("Delete a list", "DELETE", "/api/1/list/{list_id}"),
    },
    "lists/<str:list_id>/contacts": {"GET": BY_PATH["/lists/{listId}/contacts"], "POST": hub.add_contacts},
    "lists/<str:list_id>/contacts/<str:record_id>": {
        "GET": hub.read_contact,
        "PATCH": changing("Change a contact", "PUT", _RECORD),
        "DELETE": changing("Delete a contact", "DELETE", _RECORD),
    },
    "optouts": {
        "GET": BY_PATH["/optouts"],
        "PUT": uploading("Opt the addresses of a CSV out", "PUT", "/api/1/list/optout", "optout"),
    },
    "subscription-types": {"GET": BY_PATH["/subscription-types"]},
    "subscription-types/<str:name>/optin/<str:email>": {"PATCH": opting(into=True)},
    "subscription-types/<str:name>/optout/<str:email>": {"PATCH": opting(into=False)},
    "campaigns": {"GET": BY_PATH["/campaigns"], "POST": changing("Make a campaign", "POST", "/api/1/message")},
    "campaigns/<str:id>": {
        "GET": reading("One campaign", _MESSAGE, first),
        "PATCH": changing("Change a campaign", "PUT", _MESSAGE),
        "DELETE": changing("Delete a campaign", "DELETE", _MESSAGE),
    },
    "campaigns/<str:id>/reports": {"GET": BY_PATH["/campaigns/{id}/reports"]},
    "campaigns/<str:id>/reports/<str:drilldown>": {"GET": BY_PATH["/campaigns/{id}/reports/{drilldown}"]},
    "campaigns/<str:id>/send": {
        "POST": changing("Send a campaign", "POST", f"{_MESSAGE}/send"),
        "PATCH": changing("Send a campaign as changed", "PUT", f"{_MESSAGE}/send"),
    },
    "pages": {"GET": BY_PATH["/pages"]},
    "pages/<str:id>": {"GET": reading("One page", "/api/1/page/{id}", first)},
    "pages/<str:id>/reports": {"GET": BY_PATH["/pages/{id}/reports"]},
    "forms": {"GET": BY_PATH["/forms"]},
    "forms/<str:id>/reports": {"GET": BY_PATH["/forms/{id}/reports"]},
    "programs": {"GET": BY_PATH["/programs"]},
    "accounts": {"GET": BY_PATH["/accounts"]},
    "objects": {"GET": hub.objects},
    "ping": {"GET": hub.ping},
}


def _patterns() -> list[URLPattern]:
    views = {route: endpoint(**operations) for route, operations in ROUTES.items()}
    plain = [path(route, view) for route, view in views.items()]
    return plain + [path(f"hubs/<str:hub>/{route}", view) for route, view in views.items()]


urlpatterns = _patterns()
