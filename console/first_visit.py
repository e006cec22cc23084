"""The first event in a few clicks, where Act-On is the sandbox: a form that is filled in, and a contact to find."""

import secrets

from django.conf import settings
from django.contrib import messages
from django.forms import PasswordInput
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from api.acton import ask
from console import access, curl, instance_form
from console import sheet as sheets
from console.access import PageRequest, noted, operators_page
from console.sheet import Sheet
from elements.acton import resources
from elements.acton.exceptions import ActOnError
from instances.models import Instance
from polling import provisioning
from polling.provisioning import PollRefused

SANDBOX = "sandbox"  # the host of an instance of the sandbox


def sheet() -> Sheet:
    """The form of a new instance with all that the sandbox wants, ready to be sent. Its secret is none there."""
    values = {
        "name": "My first instance",
        "api_key": curl.SANDBOX_API_KEY,
        "api_secret": curl.SANDBOX_API_SECRET,
        "host": SANDBOX,
        "events_enabled": True,
        "callback_url": f"{settings.PUBLIC_URL}/sandbox/inbox/first",
    }
    filled = sheets.holding(values, instance_form.panes_of(None), None)
    filled.form.fields["api_secret"].widget = PasswordInput(render_value=True)
    return filled


@require_POST
@operators_page
@noted("Add a contact to the sandbox and poll")
def try_out(request: PageRequest, instance_id: int) -> HttpResponse:
    """Add a contact in the sandbox, by way of Act-On's API, and poll. Never in a real account: 404 there."""
    instance = access.instance(request, instance_id)
    if instance.connection.host != SANDBOX:
        raise Http404
    email = f"ada.{secrets.token_hex(3)}@example.com"
    try:
        _add_contact(instance, email)
        for poller in instance.pollers.select_related("instance__connection"):
            provisioning.poll_now(poller)
    except (ActOnError, PollRefused) as refused:
        request.audit_target = None
        messages.error(request, f"Nothing was tried out: {refused}")
    else:
        messages.success(request, f"{email} was added to the sandbox. The poll that finds it is shown here.")
    return redirect("console:instance", instance.pk)


def _add_contact(instance: Instance, email: str) -> None:
    """Into the account's first list. Raises ActOnError."""
    lists = ask(instance, lambda sandbox: resources.lists(sandbox, count=1)).records
    if not lists:
        raise ActOnError("The account has no list", status=404)
    path = resources.path_of("/api/1/list/{list_id}/record", {"list_id": str(lists[0]["id"])})
    body = {"Email": email, "First Name": "Ada", "Last Name": "Lovelace"}
    ask(instance, lambda sandbox: resources.send(sandbox, "POST", path, {}, json_body=body))


def fits(instance: Instance) -> bool:
    """Whether it can be tried out: an instance of the sandbox that is polled."""
    return instance.connection.host == SANDBOX and instance.state == "polling"
