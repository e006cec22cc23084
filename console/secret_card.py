"""A secret on a page: hidden until somebody asks, replaced, and the former ones that are still good."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.utils import timezone

from accounts import secret_rotation
from accounts.models import Organization, User
from console import access
from console.access import PageRequest

KEPT = {
    "day": ("24 hours more", timedelta(hours=24)),
    "hour": ("one hour more", timedelta(hours=1)),
    "week": ("7 days more", timedelta(days=7)),
    "month": ("30 days more", timedelta(days=30)),
    "none": ("not at all: it has leaked", timedelta()),
}


NO_SUCH = "There is no such former secret; it may have ended already."


class RotateForm(forms.Form):
    keep = forms.ChoiceField(label="The old one is good", choices=[(key, words) for key, (words, _) in KEPT.items()])


def card(
    holder: Organization | User, *, shown: bool = False, form: RotateForm | None = None, refused: str = ""
) -> dict[str, Any]:
    """What the template `_secret.html` takes. The secret is in it only where it is to be shown."""
    former = holder.former_secrets.good(timezone.now()).order_by("expires_at").defer("secret")
    return {
        "value": holder.secret if shown else "",
        "former": former,
        "form": form or RotateForm(auto_id="rotate-%s"),
        "refused": refused,
    }


def rotate(request: PageRequest, holder: Organization | User, name: str) -> RotateForm | None:
    """Give it a new secret, as the form asks; the form, with its error, where it cannot be used."""
    form = RotateForm(request.POST, auto_id="rotate-%s")
    if not form.is_valid():
        return form
    words, keep = KEPT[form.cleaned_data["keep"]]
    secret_rotation.rotate(holder, keep, timezone.now())
    old = (
        f"The old one is good for {words.removesuffix(' more')} more." if keep else "No former one is good any longer."
    )
    messages.success(request, f"{name} is a new one. {old}")
    return None


def end(request: PageRequest, holder: Organization | User) -> bool:
    """Refuse the former secret that the form names from now on; False where there is none."""
    if not secret_rotation.end(holder, access.id_of(request.POST.get("former", ""))):
        return False
    messages.success(request, "That former secret is refused from now on.")
    return True
