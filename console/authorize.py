"""The way through Act-On and back: a form waits, a browser comes back with a code, an instance is made."""

import json
import secrets
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from accounts import audit
from accounts.models import Role
from api.endpoint import ApiError, a_thread_for_acton
from console import curl
from console.access import PageRequest
from console.models import KEPT, Authorization
from elements.acton import connections
from elements.acton.exceptions import ActOnError, NeedsAuthentication, Throttled
from instances.configuration import ConfigurationError
from instances.models import Instance
from polling import provisioning

PREFIX = "console-"  # tells a state of ours from that of an application's own flow


@dataclass(frozen=True)
class Trouble:
    """Why the flow ended without an instance, and what to do."""

    title: str
    what: str
    advice: str
    words: str = ""  # Act-On's own
    again: bool = False  # whether loading the page again may help


UNKNOWN = Trouble(
    "This answer belongs to no request of this hub",
    "The state that came back with it is not one that the hub gave out, or it is older than a day.",
    "Fill in the form, and let the hub send you to Act-On.",
)
ANOTHER_SESSION = Trouble(
    "This answer belongs to another session",
    "It was begun in another browser, or before you logged out. It was not used.",
    "Begin again in this browser.",
)
USED = Trouble(
    "This answer was used before",
    "A state is good for one answer. What it was for may be done already.",
    "Look at the list of instances; if it does not show there, send the form once more.",
)
EXPIRED = Trouble(
    "This took longer than ten minutes",
    "The hub waits ten minutes for Act-On's answer. This one was not used.",
    "Send the form once more; everything is still there but the secret.",
)
NOT_ALLOWED = Trouble(
    "You may not change instances any more",
    "Your role was changed while you were at Act-On. The answer was not used.",
    "Ask an administrator of your organization.",
)
NOTHING = Trouble(
    "Act-On sent no code",
    "The browser came back without a code and without a reason.",
    "Send the form once more.",
)


def begin(
    request: PageRequest,
    data: dict[str, Any],
    body: dict[str, Any],
    instance: Instance | None,
    asked: dict[str, Any] | None = None,
) -> HttpResponse:
    """Keep the form, and send the browser to Act-On; or, where Act-On leads elsewhere, say how to go on.

    `asked` holds key, host and callback URL where they are not in the body's configuration.
    """
    now = timezone.now()
    Authorization.objects.filter(created_at__lt=now - KEPT).delete()
    if not request.session.session_key:
        request.session.save()
    state = PREFIX + secrets.token_urlsafe(24)
    row = Authorization.objects.create(
        state_hash=Authorization.hash_of(state),
        session_hash=Authorization.hash_of(request.session.session_key or ""),
        user=request.user,
        instance=instance,
        form=json.dumps({"data": data, "body": body}),
        created_at=now,
    )
    raw = asked or body["configuration"]
    callback_url = raw["oauth.callback.url"]
    url = connections.authorize_url(
        host=connections.host_of(raw.get("base.url")),
        api_key=raw["oauth.api.key"],
        callback_url=callback_url,
        state=state,
        scope="",
    )
    if callback_url == curl.landing_page():
        return redirect(url)
    context = {"url": url, "state": state, "callback_url": callback_url, "authorization": row}
    return render(request, "console/authorize_elsewhere.html", context)


def finish(request: HttpRequest, state: str, query: dict[str, str]) -> HttpResponse:
    """What Act-On answered, in `query`: make the instance, or say why there is none."""
    row = Authorization.objects.with_state(state).select_related("user__organization", "instance__connection").first()
    now = timezone.now()
    if row is None:
        return _page(request, UNKNOWN, None)
    if not request.user.is_authenticated or request.user.pk != row.user_id:
        return _page(request, ANOTHER_SESSION, None)
    if not row.is_of_session(request.session.session_key):
        return _page(request, ANOTHER_SESSION, row)
    if not row.user.may(Role.OPERATOR):
        return _page(request, NOT_ALLOWED, None)
    if row.used_at is not None:
        return _page(request, USED, row)
    if row.is_expired(now):
        return _page(request, EXPIRED, row)
    if not Authorization.objects.take(row.pk, now):
        return _page(request, USED, row)
    if error := query.get("error"):
        words = ": ".join(part for part in (error, query.get("error_description", "")) if part)
        return _page(request, _refusal(words), row)
    if not query.get("code"):
        return _page(request, NOTHING, row)
    return _exchange(request, row, query["code"])


def _exchange(request: HttpRequest, row: Authorization, code: str) -> HttpResponse:
    made = partial(_made, row, json.loads(row.form)["body"], provisioning.Grant(code=code))
    try:
        with a_thread_for_acton():
            instance = made()
    except ApiError as error:
        Authorization.objects.filter(pk=row.pk).update(used_at=None)
        return _page(request, _busy(error), row)
    except Throttled as error:
        # The code was not spent: the very same answer may be brought again.
        Authorization.objects.filter(pk=row.pk).update(used_at=None)
        return _page(request, _throttled(error), row)
    except NeedsAuthentication as error:
        return _page(request, _refusal(error.provider_message or error.message), row)
    except ActOnError as error:
        return _page(request, _unreachable(error), row)
    except ConfigurationError as error:
        return _page(request, _unusable(error), row)
    words = "was created. Its first poll is due within a minute" if row.instance is None else "is authenticated again"
    audit.record(
        audit.CONSOLE + ("Create an instance" if row.instance is None else "Authenticate an instance again"),
        user=row.user,
        target=f"/console/instances/{instance.pk}",
        request=request,
    )
    messages.success(request, f"{instance.name} {words}.")
    return redirect("console:instance", instance.pk)


def _made(row: Authorization, body: dict[str, Any], grant: provisioning.Grant) -> Instance:
    name, raw = body["name"], body["configuration"]
    tags = body.get("tags") or [name]
    if row.instance is None:
        return provisioning.create(row.user, name=name, tags=tags, raw=raw, grant=grant)
    provisioning.update(row.instance, name=name, tags=tags, raw=raw, merge=True, grant=grant)
    return row.instance


def _busy(error: ApiError) -> Trouble:
    return Trouble(
        "The hub is busy asking Act-On",
        error.message,
        "The code was not spent. Load this page again in a moment.",
        again=True,
    )


def _refusal(words: str) -> Trouble:
    return Trouble(
        "Act-On refused",
        "Nothing was changed, and nothing of the answer is kept. Act-On's words:",
        "Check API key and secret; whoever logs in at Act-On must be allowed to use its API, and must agree.",
        words,
    )


def _throttled(error: Throttled) -> Trouble:
    minutes = max(1, round(error.retry_after / 60))
    return Trouble(
        "No token call is left at Act-On just now",
        f"Act-On allows five an hour, and the hub keeps one for refreshing. The next is free in about {minutes} min.",
        "The code was not spent. Load this page again then; after ten minutes send the form once more.",
        error.provider_message,
        again=True,
    )


def _unreachable(error: ActOnError) -> Trouble:
    return Trouble(
        "Act-On could not be asked",
        f"{error.message}. Whether the code was spent is not known; nothing was changed.",
        "Send the form once more in a moment.",
        error.provider_message,
    )


def _unusable(error: ConfigurationError) -> Trouble:
    return Trouble(
        "The form cannot be used any more",
        f"{error.key}: {error.problem}.",
        "Correct it and send the form once more.",
    )


def _page(request: HttpRequest, trouble: Trouble, row: Authorization | None) -> HttpResponse:
    return render(request, "console/authorize_trouble.html", {"trouble": trouble, "authorization": row}, status=400)
