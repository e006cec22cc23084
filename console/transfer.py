"""An instance's configuration taken out as JSON, and brought in again, here or elsewhere. No secret is in it."""

import json
from typing import Any

from django.http import HttpResponse
from django.utils.text import slugify
from django.views.decorators.http import require_safe
from pydantic import ValidationError

from acton_hub import incoming
from api.bodies import InstanceBody
from console import access, form_rules, instance_form, sheet
from console.access import PageRequest, operators_page
from console.sheet import Sheet
from instances.configuration import MASK, masked
from instances.models import Instance

MOST_BYTES = 1_000_000
MOST_OFFERED = 500
# What belongs to the one instance, and does not go over to another.
OWN = ("name", "tags", "api_key", "host", "account", "oauth_callback_url")


def document(instance: Instance) -> dict[str, Any]:
    """The body of `POST /instances` that makes its like, but for the code and the secrets."""
    raw = {key: value for key, value in sorted(masked(instance).items()) if value != MASK}
    raw |= {"base.url": instance.connection.host}
    raw[instance_form.POLLERS] = {row.resource: row.configuration for row in instance.pollers.order_by("pk")}
    return {"element": {"key": "acton"}, "name": instance.name, "tags": instance.tags, "configuration": raw}


@require_safe
@operators_page
def download(request: PageRequest, instance_id: int) -> HttpResponse:
    instance = access.instance(request, instance_id)
    name = f"{slugify(instance.name) or 'instance'}-{instance.pk}.json"
    response = HttpResponse(json.dumps(document(instance), indent=2) + "\n", content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def uploaded(request: PageRequest) -> dict[str, Any]:
    """The document in the file that was sent. Raises ValueError, in words for its sender."""
    file = request.FILES.get("file")
    if file is None:
        raise ValueError("choose a file first")
    if (file.size or 0) > MOST_BYTES:
        raise ValueError("it is larger than a megabyte")
    try:
        found = incoming.loads(file.read().decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8 text") from None
    if not isinstance(found, dict):
        raise ValueError("it is not a JSON object")
    return found


def sheet_of(found: dict[str, Any], instance: Instance | None) -> Sheet:
    """The form, filled out of a document; that of a stored instance keeps what is its own. Raises ValueError."""
    try:
        InstanceBody.model_validate(found)
        raw = found["configuration"]
        pollers = form_rules.check({"configuration": {**raw, "event.notification.callback.url": "http://a.example"}})
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    values = instance_form.values_in(found)
    panes = instance_form.with_offered([instance_form.pane_of(name, entry) for name, entry in pollers.items()])
    if instance is not None:
        stored = instance_form.values_of(instance)
        values |= {name: stored[name] for name in (*OWN, "signature_key")}
        values["further"] = _with_stored_secrets(values["further"], stored["further"])
    return sheet.holding(values, panes, instance)


def _with_stored_secrets(further: str, stored: str) -> str:
    """The further keys of the document, and those masked ones of the instance: a copy takes no secret away."""
    kept = {key: value for key, value in json.loads(stored or "{}").items() if value == MASK}
    merged = json.loads(further or "{}") | kept
    return json.dumps(merged, indent=2) if merged else ""


def others(request: PageRequest, instance: Instance | None) -> list[tuple[int, str]]:
    """The instances whose configuration can be copied: id and name, by name."""
    rows = access.instances(request).exclude(pk=instance.pk if instance else 0).order_by("name", "pk")
    return list(rows.values_list("pk", "name")[:MOST_OFFERED])
