"""`/elements/...` (CONTRACT §2)."""

from typing import Any

from django.http import HttpResponse
from pydantic import ConfigDict, Field

from api.answers import ConfigurationRowsAnswer, ElementAnswer, MetadataAnswer, OauthUrlAnswer
from api.authorization import ApiRequest
from api.endpoint import ApiError, answer, json_body, validated
from api.operations import Query, operation
from elements import catalogue
from elements.acton import connections, resources
from elements.acton.default_poller import DEFAULT
from elements.catalogue import ElementSummary


class OauthUrlQuery(Query):
    model_config = ConfigDict(str_strip_whitespace=True)

    api_key: str = Field("", alias="apiKey")
    api_secret: str = Field("", alias="apiSecret")
    callback_url: str = Field("", alias="callbackUrl")
    scope: str = ""
    state: str = Field("", description="given back by Act-On; `acton` where there is none")


def known(element: str) -> None:
    """Raises ApiError (404) unless `element` is the key or the id of an element of the catalogue."""
    if not catalogue.is_known(element):
        raise ApiError(404, f"There is no element {element!r}.")


def as_json() -> ElementAnswer:
    return {
        **catalogue.summary(),
        "description": catalogue.DESCRIPTION,
        "active": True,
        "deleted": False,
        "private": False,
        "trialAccount": False,
        "typeOauth": True,
        "authentication": {"type": "oauth2"},
        "configuration": catalogue.configuration(),
    }


@operation("The catalogue of elements", answer=list[ElementAnswer])
def read_all(request: ApiRequest) -> HttpResponse:
    return answer([as_json()], {"Elements-Returned-Count": "1", "Elements-Total-Count": "1"})


@operation("The elements' keys, with their names and hubs", answer=list[ElementSummary])
def keys(request: ApiRequest) -> HttpResponse:
    return answer([catalogue.summary()])


@operation("One element", answer=ElementAnswer)
def read(request: ApiRequest, element: str) -> HttpResponse:
    known(element)
    return answer(as_json())


@operation("The configuration keys of an element", answer=ConfigurationRowsAnswer)
def configuration(request: ApiRequest, element: str) -> HttpResponse:
    known(element)
    shown: ConfigurationRowsAnswer = {"configuration": catalogue.configuration()}
    return answer(shown)


@operation("What an element can do: its events and resources", answer=MetadataAnswer)
def metadata(request: ApiRequest, element: str) -> HttpResponse:
    known(element)
    shown: MetadataAnswer = {
        **catalogue.summary(),
        "description": catalogue.DESCRIPTION,
        "events": {"supported": True, "methods": ["polling", "webhooks"], "polling": DEFAULT},
        "resources": resources.NAMES,
    }
    return answer(shown)


@operation(
    "Where to send the browser to authorize the hub; parameters in the query or in a JSON body",
    query=OauthUrlQuery,
    answer=OauthUrlAnswer,
    refuses=(413, 415),
    public=True,
)
def oauth_url(request: ApiRequest, query: OauthUrlQuery, element: str) -> HttpResponse:
    known(element)
    if request.method == "POST":
        body = json_body(request)
        given: dict[str, Any] = body if isinstance(body, dict) else {}
        query = validated(
            OauthUrlQuery, {name: value for name, value in given.items() if value is not None} | query.raw(request)
        )
    for name, value in (
        ("apiKey", query.api_key),
        ("apiSecret", query.api_secret),
        ("callbackUrl", query.callback_url),
    ):
        if not value:
            raise ApiError(400, f"{name}: is required.")
    url = connections.authorize_url(
        host=connections.host_of(None),
        api_key=query.api_key,
        callback_url=query.callback_url,
        state=query.state or catalogue.KEY,
        scope=query.scope,
    )
    shown: OauthUrlAnswer = {"element": catalogue.KEY, "oauthUrl": url}
    return answer(shown)
