"""What the hub tells about itself: how to connect to it, and whether a signature holds."""

from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from console import access, curl, snippets
from console.access import PageRequest, page
from events import signature_check
from events.signature_check import Finding
from instances.models import Instance

MOST_BODY = 256 * 1024


@require_safe
@page
def index(request: PageRequest) -> HttpResponse:
    return render(request, "console/help.html")


@require_safe
@page
def connect(request: PageRequest) -> HttpResponse:
    context = {
        "hub": settings.PUBLIC_URL,
        "landing_page": curl.landing_page(),
        "authorize_url_call": curl.authorize_url(),
        "environment": snippets.text("environment.sh"),
        "code": snippets.text("code.sh"),
        "create": snippets.of("create"),
        "check": snippets.of("check"),
    }
    return render(request, "console/connect.html", context)


class SignatureForm(forms.Form):
    """What is to be checked. Nothing is stripped: a blank too many is what one looks for here."""

    body = forms.CharField(
        label="Body", required=False, strip=False, max_length=MOST_BODY, widget=forms.Textarea(attrs={"rows": 8})
    )
    file = forms.FileField(
        label="or the body as a file",
        required=False,
        help_text="Its bytes as they came. A browser may change the line ends of what is pasted.",
    )
    headers = forms.CharField(
        label="Headers",
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="A line each: Elements-Webhook-Signature, or webhook-id, webhook-timestamp and webhook-signature.",
    )
    key = forms.CharField(
        label="Signature key",
        required=False,
        strip=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="It is used for this check alone: neither stored nor logged, and not sent back to this page.",
    )
    instance = forms.IntegerField(
        label="or the key of the instance with the id",
        required=False,
        min_value=1,
        max_value=2**63 - 1,
        help_text="The one in use, and the one before it while both sign.",
    )

    def __init__(self, request: PageRequest) -> None:
        sent = request.method == "POST"
        super().__init__(
            data=request.POST if sent else None,
            files=request.FILES if sent else None,
            initial={"instance": request.GET.get("instance", "")},
            label_suffix="",
        )
        self._request = request

    def clean_file(self) -> Any:
        given = self.cleaned_data.get("file")
        if given and given.size > MOST_BODY:
            raise forms.ValidationError(f"It is larger than {MOST_BODY // 1024} KB.")
        return given

    def clean_instance(self) -> Instance | None:
        number = self.cleaned_data.get("instance")
        if not number:
            return None
        found = access.instances(self._request).filter(pk=number).first()
        if found is None or not found.signature_key:
            raise forms.ValidationError("There is no such instance, or it has no signature key.")
        return found

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if not given.get("body") and not given.get("file") and "file" not in self.errors:
            self.add_error("body", "Paste the body, or choose it as a file.")
        if not given.get("key") and not given.get("instance") and "instance" not in self.errors:
            self.add_error("key", "Enter the key, or the id of an instance.")
        return given


@sensitive_post_parameters("key")
@require_http_methods(["GET", "HEAD", "POST"])
@page
def signature(request: PageRequest) -> HttpResponse:
    request.audit_target = None  # a check changes nothing
    form = SignatureForm(request)
    if not form.is_valid():
        return render(request, "console/signature.html", {"form": form}, status=400 if form.is_bound else 200)
    headers, others = signature_check.read_headers(form.cleaned_data["headers"])
    found = _best(form, headers)
    context = {"form": form, "found": found, "holds": signature_check.holds(found), "others": others}
    return render(request, "console/signature.html", context)


def _best(form: SignatureForm, headers: dict[str, str]) -> list[Finding]:
    """What is found with the key and the line ends that fit, else with the first of each."""
    given = form.cleaned_data
    keys = given["instance"].signature_keys(timezone.now()) if given["instance"] else [given["key"]]
    if given["file"]:
        bodies = [given["file"].read()]
    else:
        pasted = given["body"].replace("\r\n", "\n").encode()
        bodies = [pasted, pasted.replace(b"\n", b"\r\n")]
    found = [signature_check.check(body, headers, key, timezone.now()) for key in keys for body in bodies]
    return next((each for each in found if signature_check.holds(each)), found[0])
