"""JSON bodies of the control API: checked by pydantic, refused with the name of the field."""

import functools
import json
import re
from collections.abc import Callable
from typing import Any, Literal, TypeVar

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sandbox import contacts, faults, rows
from sandbox.downloads import BadParameter, read_number
from sandbox.models import ACCOUNT_NAME, Fault

Body = TypeVar("Body", bound=BaseModel)
LARGEST_NUMBER = 2_000_000_000


class BadBody(ValueError):
    """A body that cannot be used; `field` is the part at fault."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SettingsBody(Strict):
    """How an account behaves; what is absent stays as it is."""

    ordering: Literal["id", "changed_oldest", "changed_newest", "name"] | None = None
    date_unit: Literal["ms", "s"] | None = None
    date_columns: Literal["plain", "underscored"] | None = None
    strict_refresh: bool | None = None
    clock_offset_ms: int | None = Field(None, ge=-(10**12), le=10**12)
    access_lifetime_s: int | None = Field(None, ge=1, le=LARGEST_NUMBER)
    calls_per_second: int | None = Field(None, ge=0, le=LARGEST_NUMBER)
    calls_per_day: int | None = Field(None, ge=0, le=LARGEST_NUMBER)
    token_calls_per_hour: int | None = Field(None, ge=0, le=LARGEST_NUMBER)

    def settings(self) -> dict[str, Any]:
        """The settings that were given."""
        return {name: getattr(self, name) for name in SettingsBody.model_fields if getattr(self, name) is not None}


class NewAccountBody(SettingsBody):
    """A new account: `lists` lists of `contacts` invented contacts each."""

    lists: int = Field(1, ge=0, le=10_000)
    contacts: int = Field(5, ge=0, le=1_000_000)


class AccountBody(NewAccountBody):
    name: str = Field(pattern=rf"^{ACCOUNT_NAME}$")


class ListBody(Strict):
    name: str = Field("List", min_length=1, max_length=200)
    headers: list[str] = Field(default=rows.HEADERS, min_length=1, max_length=200)
    contacts: int = Field(0, ge=0, le=1_000_000)


class ChangeBody(Strict):
    """Contacts to change: `changes` by record id, or the `first` so many, each with an invented value."""

    changes: dict[str, dict[str, Any]] | None = None
    first: int | None = Field(None, ge=1, le=1_000_000)


class DeleteBody(Strict):
    """Contacts to delete: `ids`, or the `first` so many."""

    ids: list[str | int] | None = None
    first: int | None = Field(None, ge=1, le=1_000_000)


class Operations(Strict):
    """What moves under a reader's feet; without operations a little of everything."""

    list_id: str = Field("", alias="list")
    add: list[dict[str, Any]] | None = None
    change: dict[str, dict[str, Any]] | None = None
    delete: list[str | int] | None = None


class FaultBody(Strict):
    """A fault: from the `at`-th matching call on, for `times` calls; without `times` until it is switched off."""

    kind: Literal[
        "throttle", "error", "slow", "drop", "truncate", "html", "empty", "short_rows",
        "expire_token", "lose_tokens", "move_data",
    ]  # fmt: skip
    times: int | None = Field(None, ge=1, le=LARGEST_NUMBER)
    at: int = Field(1, ge=1, le=LARGEST_NUMBER)
    path: str = Field("", max_length=500)
    status: int | None = Field(None, ge=400, le=599)
    delay_ms: int = Field(faults.DEFAULT_DELAY_MS, ge=0, le=600_000)
    retry_after_s: int | None = Field(None, ge=0, le=LARGEST_NUMBER)
    operations: Operations = Field(default_factory=lambda: Operations.model_validate({}))

    def values(self) -> dict[str, Any]:
        """The fields of a Fault."""
        kind = Fault.Kind(self.kind)
        return {
            "kind": kind,
            "path": self.path or faults.DEFAULT_PATHS.get(kind, faults.DEFAULT_PATH),
            "waits": self.at - 1,
            "remaining": self.times,
            "status": self.status or faults.DEFAULT_STATUSES.get(kind, 0),
            "delay_ms": self.delay_ms,
            "retry_after_s": self.retry_after_s,
            "operations": self.operations.model_dump(exclude_none=True, by_alias=True),
        }


class ExpireBody(Strict):
    access: bool = True
    refresh: bool = False


class CodeBody(Strict):
    client_id: str = Field(min_length=1, max_length=255)
    redirect_uri: str = Field(min_length=1)
    user: str = Field("sandbox", pattern=rf"^{ACCOUNT_NAME}$")


class InboxFaultBody(Strict):
    """How an inbox answers; for `times` messages, without it until switched off. A `location` makes a redirect."""

    status: int | None = Field(None, ge=200, le=599)
    delay_ms: int = Field(0, ge=0, le=600_000)
    drop: bool = False
    truncate: bool = False
    location: str = Field("", max_length=2000, pattern=r"^[!-~]*$")
    retry_after_s: int | None = Field(None, ge=0, le=LARGEST_NUMBER)
    times: int | None = Field(None, ge=1, le=LARGEST_NUMBER)


class InboxBody(Strict):
    """What is absent stays; `"fault": null` ends the fault."""

    key: str | None = Field(None, max_length=500)
    fault: InboxFaultBody | None = None


def read_json(request: HttpRequest) -> Any:
    """The body as JSON; None where there is none. Raises BadBody."""
    if not request.body.strip():
        return None
    try:
        return json.loads(request.body)
    except ValueError as error:
        raise BadBody("body", f"is not valid JSON: {error}") from None


def read_body(request: HttpRequest, shape: type[Body]) -> Body:
    """The body in that shape. Raises BadBody; no body counts as an empty object."""
    value = read_json(request)
    try:
        return shape.model_validate({} if value is None else value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise BadBody(".".join(str(part) for part in first["loc"]) or "body", first["msg"]) from None


def query_number(request: HttpRequest, name: str, default: int) -> int:
    """A whole number of the query string. Raises BadBody."""
    try:
        return read_number(request.GET, name, default)
    except BadParameter as bad:
        raise BadBody(name, str(bad)) from None


def refusal(status: int, message: str, field: str = "") -> HttpResponse:
    return JsonResponse({"error": message} | ({"field": field} if field else {}), status=status)


def control(**views: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A URL's view out of one function a method; bad input becomes JSON that names the field."""

    @csrf_exempt
    @functools.wraps(next(iter(views.values())))
    def dispatch(request: HttpRequest, **captured: Any) -> HttpResponse:
        view = views.get(request.method or "")
        if view is None:
            response = refusal(405, f"{request.method} is not possible here; possible: {', '.join(views)}")
            response.headers["Allow"] = ", ".join(views)
            return response
        try:
            return view(request, **captured)
        except RequestDataTooBig:
            return refusal(413, "The body is too large; ?count=100000 adds invented contacts without one")
        except contacts.Missing as missing:
            return refusal(404, str(missing))
        except (BadBody, rows.BadContact) as bad:
            return refusal(400, f"{bad.field}: {bad}", bad.field)

    return dispatch


def check_name(name: str) -> None:
    """Raises BadBody for a name that an account or inbox cannot have, since it would not fit an address."""
    if not re.fullmatch(ACCOUNT_NAME, name):
        raise BadBody("name", "use letters, digits and . @ _ + - only, beginning with a letter or digit")
