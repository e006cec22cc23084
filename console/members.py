"""The members of an organization and their roles, for administrators."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts import bootstrap, members
from accounts.members import MemberRefused
from accounts.models import Role, User
from console import access, paging
from console.access import PageRequest, admins_page, noted

ROLES = [
    (Role.VIEWER, "Viewer: looks"),
    (Role.OPERATOR, "Operator: works with instances, polls and deliveries"),
    (Role.ADMIN, "Admin: sees secrets, changes account and members"),
]


class InviteForm(forms.Form):
    email = forms.EmailField(label="E-mail address", max_length=254)
    role = forms.ChoiceField(label="Role", choices=ROLES, initial=Role.VIEWER)

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        if User.objects.filter(email__iexact=email).exists():
            raise forms.ValidationError("This address has an account already.")
        return email


class RoleForm(forms.Form):
    role = forms.ChoiceField(choices=Role.choices)


def _page(request: PageRequest, *, status: int = 200, invite: InviteForm | None = None, **more: Any) -> HttpResponse:
    rows = User.objects.filter(organization=request.user.organization_id).select_related("two_factor")
    context = {
        "page": paging.newest_first(request, rows.defer("secret", "password", "two_factor__seed")),
        "roles": Role.choices,
        "invite": invite or InviteForm(auto_id="invite-%s", label_suffix=""),
    }
    return render(request, "console/members.html", context | more, status=status)


@require_safe
@admins_page
def listing(request: PageRequest) -> HttpResponse:
    return _page(request)


@require_POST
@admins_page
@noted("Invite a member")
def invite_member(request: PageRequest) -> HttpResponse:
    """Make a user; the password that was made up is shown in this answer and never again."""
    form = InviteForm(request.POST, auto_id="invite-%s", label_suffix="")
    if not form.is_valid():
        return _page(request, status=400, invite=form)
    role = Role(form.cleaned_data["role"])
    user, password = bootstrap.add_member(request.user.organization, form.cleaned_data["email"], role)
    request.audit_target = f"{user.email} ({role})"
    return _page(request, made=user, password=password)


@require_POST
@admins_page
@noted("Change a member's role")
def change_member_role(request: PageRequest, user_id: int) -> HttpResponse:
    member, form = access.member(request, user_id), RoleForm(request.POST)
    if not form.is_valid():
        return _page(request, status=400, refused=f"role: {form.errors['role'][0]}")
    role = Role(form.cleaned_data["role"])
    request.audit_target = f"{member.email} ({role})"
    return _done(request, lambda: members.change_role(member, role, request.user), f"{member.email} is {role} now.")


@require_POST
@admins_page
@noted("Let a member in again")
def let_member_in(request: PageRequest, user_id: int) -> HttpResponse:
    return _let_in(request, user_id, True, "may log in and call the API again.")


@require_POST
@admins_page
@noted("Lock a member out")
def lock_member_out(request: PageRequest, user_id: int) -> HttpResponse:
    return _let_in(request, user_id, False, "can neither log in nor call the API; what they made stays.")


def _let_in(request: PageRequest, user_id: int, active: bool, words: str) -> HttpResponse:
    member = access.member(request, user_id)
    request.audit_target = member.email
    return _done(request, lambda: members.set_active(member, active, request.user), f"{member.email} {words}")


@require_POST
@admins_page
@noted("Give a member a new password")
def give_member_password(request: PageRequest, user_id: int) -> HttpResponse:
    """The password that was made up is shown in this answer and never again."""
    member = access.member(request, user_id)
    request.audit_target = member.email
    try:
        password = members.give_password(member, request.user)
    except MemberRefused as refused:
        return _page(request, status=409, refused=str(refused))
    return _page(request, given=member, password=password)


@require_POST
@admins_page
@noted("Remove a member")
def remove_member(request: PageRequest, user_id: int) -> HttpResponse:
    member = access.member(request, user_id)
    request.audit_target = member.email
    words = f"{member.email} was removed. The instances of that user are yours now."
    return _done(request, lambda: members.remove(member, request.user), words)


def _done(request: PageRequest, act: Callable[[], None], words: str) -> HttpResponse:
    """Back to the list with these words; or, where it is refused, the list with the reason, and nothing is changed."""
    try:
        act()
    except MemberRefused as refused:
        return _page(request, status=409, refused=str(refused))
    messages.success(request, words)
    return redirect("console:members")
