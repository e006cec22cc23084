"""The one view that turns operations into answers, and what they refuse into the error envelope (CONTRACT §1)."""

import json
import math
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar, cast

from django.conf import settings
from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import RawPostDataException
from django.views.decorators.csrf import csrf_exempt
from pydantic import BaseModel, ValidationError

from accounts import audit
from acton_hub import incoming, masking
from acton_hub.errors import DATABASE_AWAY, database_away, envelope
from api.authorization import ApiRequest, Unauthenticated, authorize
from api.operations import JSON, Operation
from elements.acton.exceptions import ActOnError, NeedsAuthentication, Refused, Throttled
from instances.actions import is_gone
from instances.configuration import ConfigurationError

LARGEST_ID = 2**63 - 1
# What clients send with JSON although it is something else: curl -d, and nothing at all.
READ_AS_JSON = ("", "text/plain", "application/x-www-form-urlencoded")
# Outbound calls inside requests hold at most half of the web server's threads.
_outbound = threading.BoundedSemaphore(16)
B = TypeVar("B", bound=BaseModel)


class ApiError(Exception):
    """A refusal with its status; `provider_message` only where Act-On said something."""

    def __init__(self, status: int, message: str, provider_message: str = "", retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.provider_message = provider_message
        self.retry_after_s = retry_after_s


class Endpoint(Protocol):
    """A URL's view, and the operations that it is made of, by method."""

    operations: Mapping[str, Operation]

    def __call__(self, request: HttpRequest, **captured: Any) -> HttpResponse: ...


def endpoint(**operations: Operation) -> Callable[..., HttpResponse]:
    """A URL's view out of one operation a method: `endpoint(GET=read, DELETE=delete)`.

    HEAD is answered as GET; OPTIONS by what is possible. What a view raises becomes the error envelope, and no answer
    is a redirect or a page.
    """

    @csrf_exempt
    def dispatch(request: HttpRequest, **captured: Any) -> HttpResponse:
        response = _answered(request, operations, captured)
        instance = getattr(request, "instance", None)
        if instance is not None:  # refusals too say whose Element token was sent
            response.headers["Elements-Element-Instance-Id"] = str(instance.pk)
        return response

    view = cast(Endpoint, dispatch)
    view.operations = operations
    return dispatch


def _answered(request: HttpRequest, operations: Mapping[str, Operation], captured: dict[str, Any]) -> HttpResponse:
    """What the operation answers, or what it refuses as the error envelope."""
    method = "GET" if request.method == "HEAD" and "GET" in operations else request.method or ""
    if method == "OPTIONS":
        return _with_methods(HttpResponse(), operations)
    if method not in operations:
        possible = ", ".join(operations)
        refusal = envelope(request, 405, f"{request.method} is not possible here; possible: {possible}.")
        return _with_methods(refusal, operations)
    try:
        response = _run(request, operations[method], captured)
    except ApiError as error:
        refused = envelope(request, error.status, error.message, error.provider_message)
        return _with_retry_after(refused, error.retry_after_s)
    except Unauthenticated as error:
        return envelope(request, 401, str(error))
    except PermissionDenied as error:
        return envelope(request, 403, str(error))
    except (RequestDataTooBig, RawPostDataException) as error:
        return envelope(request, 413, f"body: is larger than {_most(error, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)}.")
    except (ConfigurationError, BadRequest) as error:
        return envelope(request, 400, str(error))
    except ActOnError as error:
        return _of_acton(request, error)
    except DATABASE_AWAY as error:
        return database_away(request, error)
    except DatabaseError:
        instance = getattr(request, "instance", None)
        if not is_gone(captured.get("instance_id") or (instance.pk if instance else None)):
            raise
        return envelope(request, 404, "The instance was deleted meanwhile.")
    if method != "GET" and not operations[method].public:
        caller, target = cast(ApiRequest, request).caller, getattr(request, "audit_target", masking.in_path(request))
        audit.record(operations[method].summary, user=caller, target=target, request=request)
    return response


def _run(request: HttpRequest, operation: Operation, captured: dict[str, Any]) -> HttpResponse:
    if not any(_accepts(request, kind) for kind in operation.kinds):
        raise ApiError(406, f"The answer is {operation.produces}, which the Accept header excludes.")
    given = dict(captured)
    authorized = cast(ApiRequest, request)
    if not operation.public:
        authorized = authorize(request, operation.needed(request.method or ""))
    for name, value in captured.items():
        if isinstance(value, int) and value > LARGEST_ID:
            raise ApiError(404, f"There is no {name.removesuffix('_id')} {value}.")
    if operation.query is not None:
        if any("\0" in value for _, values in request.GET.lists() for value in values):
            raise ApiError(400, "The query holds a NUL character.")
        given["query"] = validated(operation.query, operation.query.raw(request))
    if operation.body is not None:
        given["body"] = _body(request, operation)
    if operation.asks_acton:
        with a_thread_for_acton():
            return operation.view(authorized, **given)
    return operation.view(authorized, **given)


def _accepts(request: HttpRequest, kind: str) -> bool:
    """Whether the Accept header lets that type pass. Django's own look minds parameters, such as a charset."""
    wanted = {"", "*", "*/*", kind, f"{kind.partition('/')[0]}/*"}
    accepted = request.headers.get("Accept", "").split(",")
    return any(part.partition(";")[0].strip().lower() in wanted for part in accepted)


def _body(request: HttpRequest, operation: Operation) -> BaseModel | None:
    raw = json_body(request)
    if raw is None and not operation.body_required:
        raw = {}
    return validated(operation.body, raw) if operation.body is not None else None


def validated(model: type[B], raw: Any) -> B:
    """`raw` as `model`. Raises ApiError that names the first key at fault."""
    if not isinstance(raw, dict):
        raise ApiError(400, "The body must be a JSON object.")
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"]) or "body"
        raise ApiError(400, f"{path}: {first['msg'].removeprefix('Value error, ')}") from None


def _most(error: Exception, usual: int) -> str:
    """The limit that a body is beyond; the one of an upload comes with the error."""
    most = next((argument for argument in error.args if isinstance(argument, int)), usual)
    return f"{most // 1024**2} MiB"


def _with_methods(response: HttpResponse, operations: Mapping[str, Operation]) -> HttpResponse:
    """Which methods there are, for clients and for a browser's preflight (the origin stands in the middleware)."""
    methods = ", ".join([*operations, "OPTIONS"])
    response.headers["Allow"] = response.headers["Access-Control-Allow-Methods"] = methods
    return response


def _of_acton(request: HttpRequest, error: ActOnError) -> HttpResponse:
    """Refused by Act-On: 400; too many calls: 429 with Retry-After; anything else that failed there: 502."""
    status = 400 if isinstance(error, NeedsAuthentication | Refused) else 429 if isinstance(error, Throttled) else 502
    if isinstance(error, Refused) and error.status == 404:
        status = 404
    response = envelope(request, status, error.message, error.provider_message)
    return _with_retry_after(response, error.retry_after or 1.0) if isinstance(error, Throttled) else response


def _with_retry_after(response: HttpResponse, seconds: float) -> HttpResponse:
    if seconds:
        response.headers["Retry-After"] = str(math.ceil(seconds))
    return response


@contextmanager
def a_thread_for_acton() -> Iterator[None]:
    """Beyond half of the web server's threads a view that waits for Act-On is refused instead of waiting."""
    if not _outbound.acquire(blocking=False):
        raise ApiError(503, "Too many requests wait for Act-On just now; try again.", retry_after_s=1)
    try:
        yield
    finally:
        _outbound.release()


def whole_body(request: HttpRequest) -> bytes:
    """The body. Raises ApiError where the sender hung up before all of it had come: the server hands over the rest."""
    body = request.body
    announced = str(request.META.get("CONTENT_LENGTH") or "")
    if announced.isdigit() and len(body) < int(announced):
        raise ApiError(400, "The body was cut short.")
    return body


def json_body(request: HttpRequest) -> Any:
    """The body as JSON; None where there is none. Raises ApiError with line and column where it is not valid."""
    raw = whole_body(request)
    if not raw.strip():
        return None
    kind = request.content_type or ""
    if kind not in READ_AS_JSON and not kind.endswith("json"):
        raise ApiError(415, f"The body must be {JSON}, not {kind}.")
    try:
        return incoming.loads(raw.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        raise ApiError(
            400, f"The body is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from None
    except UnicodeDecodeError as error:
        raise ApiError(400, f"The body is not UTF-8 text (byte {error.start}).") from None
    except incoming.Fault as fault:
        raise ApiError(400, f"{fault.path or 'body'}: {fault.problem}.") from None
    except ValueError as error:
        raise ApiError(400, f"The body is not valid JSON: {error}.") from None


def answer(body: Any, headers: dict[str, str] | None = None) -> JsonResponse:
    """200, as for every success."""
    return JsonResponse(body, safe=False, headers=headers)
