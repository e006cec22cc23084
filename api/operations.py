"""What an endpoint's method is, in one description: validation and the OpenAPI document are both made of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self, get_origin

from django.http import HttpRequest, HttpResponse
from pydantic import BaseModel, ConfigDict, Field

from accounts.models import Role

View = Callable[..., HttpResponse]
JSON = "application/json"
PAGE = "text/html"


class Query(BaseModel):
    """A query as a pydantic model. An empty parameter counts as absent, an unknown one is ignored (CONTRACT §1).

    A field that is a list takes its parameter repeated, and with brackets, too: `tags=a&tags[]=b`.
    """

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    @classmethod
    def raw(cls, request: HttpRequest) -> dict[str, Any]:
        """The parameters that were given, by the names of the fields' aliases; validation comes after."""
        given: dict[str, list[str]] = {}
        for name, values in request.GET.lists():
            given.setdefault(name.removesuffix("[]"), []).extend(str(value) for value in values)
        raw: dict[str, Any] = {}
        for name, field in cls.model_fields.items():
            key = field.alias or name
            values = [value.strip() for value in given.get(key, []) if value.strip()]
            if values:
                raw[key] = values if is_list(field.annotation) else values[-1]
        return raw


def is_list(annotation: Any) -> bool:
    return get_origin(annotation) is list


class Paging(Query):
    """`pageSize`, and either `page` or the token of the page before (CONTRACT §1)."""

    page_size: int = Field(200, ge=1, le=2000, alias="pageSize", description="rows a page")
    page: int = Field(1, ge=1, le=1_000_000, description="which page, from 1 on")
    next_page: str = Field("", alias="nextPage", description="the Elements-Next-Page-Token of the page before")


@dataclass(frozen=True)
class Operation:
    """One method of one URL.

    The view gets the request, what the path captured, and `query` and `body` where these are described.
    `refuses` holds the statuses that are not plain from the rest.
    """

    view: View
    summary: str
    query: type[Query] | None = None
    body: type[BaseModel] | None = None
    body_required: bool = True
    answer: Any = None
    refuses: frozenset[int] = frozenset()
    public: bool = False
    asks_acton: bool = False
    accepts: tuple[str, ...] = (JSON,)
    produces: str = JSON
    produces_page: bool = False
    needs: Role | None = None

    @property
    def kinds(self) -> set[str]:
        """The types of its answers; refusals are JSON always."""
        return {self.produces, JSON} | ({PAGE} if self.produces_page else set())

    def needed(self, method: str) -> Role:
        """The role that it takes: where nothing else is said, everybody may look, and operators may change."""
        return self.needs or (Role.VIEWER if method in ("GET", "HEAD") else Role.OPERATOR)

    @property
    def is_paged(self) -> bool:
        return self.query is not None and issubclass(self.query, Paging)

    def statuses(self, *, has_path_parameters: bool) -> set[int]:
        """Every status that it may answer with, but those of a defect."""
        found = {200, 406} | self.refuses
        if self.query or self.body or has_path_parameters:
            found.add(400)
        if self.body or self.accepts != (JSON,):
            found |= {400, 413, 415}
        if not self.public:
            found |= {400, 401, 403}
        if has_path_parameters:
            found |= {404, 405}  # the latter where a word of another path stands in the place of an id
        if self.asks_acton:
            found |= {400, 403, 429, 502, 503}
        return found

    def of(self, **changes: Any) -> Self:
        """The same with another view or summary, for a second URL."""
        return type(self)(**{**vars(self), **changes})


def operation(
    summary: str,
    *,
    query: type[Query] | None = None,
    body: type[BaseModel] | None = None,
    body_required: bool = True,
    answer: Any = None,
    refuses: tuple[int, ...] = (),
    public: bool = False,
    asks_acton: bool = False,
    accepts: tuple[str, ...] = (JSON,),
    produces: str = JSON,
    produces_page: bool = False,
    needs: Role | None = None,
) -> Callable[[View], Operation]:
    """Describe the view that it decorates.

    `answer` is the type of the JSON answer (a TypedDict, a list of them, ...); `public` views see to authorization
    themselves; `produces_page`: for browsers also a page; `asks_acton` views wait for Act-On, and may be refused as
    Act-On's trouble makes it.
    """

    def described(view: View) -> Operation:
        return Operation(
            view=view,
            summary=summary,
            query=query,
            body=body,
            body_required=body_required,
            answer=answer,
            refuses=frozenset(refuses),
            public=public,
            asks_acton=asks_acton,
            accepts=accepts,
            produces=produces,
            produces_page=produces_page,
            needs=needs,
        )

    return described
