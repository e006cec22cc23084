"""What holds for all instances of an organization: its secret, and what becomes of a refused notification."""

from typing import Any, cast

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.models import Organization, Role
from console import secret_card
from console.access import PageRequest, admins_page, noted, page
from events.retry import MOST_RETRIES

POLICIES = [
    (
        Organization.FailurePolicy.RETRY,
        f"Retry: up to {MOST_RETRIES} times, later each time, for about four days; then the callback is given up, and "
        "what comes is queued until somebody releases it",
    ),
    (Organization.FailurePolicy.QUEUE, "Queue: at the first failure, until somebody releases it"),
]


class PolicyForm(forms.Form):
    failure_policy = forms.ChoiceField(label="Failure policy", choices=POLICIES, widget=forms.RadioSelect)


def _page(request: PageRequest, *, status: int = 200, policy: PolicyForm | None = None, **secret: Any) -> HttpResponse:
    organization = request.user.organization
    policy = policy or PolicyForm(initial={"failure_policy": organization.failure_policy})
    context: dict[str, Any] = {"organization": organization, "policy": policy}
    if request.user.may(Role.ADMIN):
        context["secret"] = secret_card.card(organization, **secret)
    return render(request, "console/organization.html", context, status=status)


@require_safe
@page
def show(request: PageRequest) -> HttpResponse:
    return _page(request)


@require_POST
@admins_page
@noted("Change the failure policy")
def change_failure_policy(request: PageRequest) -> HttpResponse:
    form = PolicyForm(request.POST)
    if not form.is_valid():
        return _page(request, status=400, policy=form)
    organization = request.user.organization
    organization.failure_policy = cast(str, form.cleaned_data["failure_policy"])
    organization.save(update_fields=["failure_policy"])
    request.audit_target = organization.failure_policy
    messages.success(request, f"The failure policy is “{organization.failure_policy}” from now on.")
    return redirect("console:organization")


@require_POST
@admins_page
@noted("Show the organization's secret")
def show_organization_secret(request: PageRequest) -> HttpResponse:
    return _page(request, shown=True)


@require_POST
@admins_page
@noted("Replace the organization's secret")
def rotate_organization_secret(request: PageRequest) -> HttpResponse:
    form = secret_card.rotate(request, request.user.organization, "The secret of the organization")
    return _page(request, status=400, form=form) if form else redirect("console:organization")


@require_POST
@admins_page
@noted("End a former secret of the organization")
def end_former_organization_secret(request: PageRequest) -> HttpResponse:
    if not secret_card.end(request, request.user.organization):
        return _page(request, status=404, refused=secret_card.NO_SUCH)
    return redirect("console:organization")
