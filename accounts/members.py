"""The members of an organization: made, given a role, let in or not, removed. Somebody can always administer it."""

import secrets

from django.db import transaction

from accounts.models import Role, User


class MemberRefused(Exception):
    """The text says why, in words for people."""


@transaction.atomic
def change_role(member: User, role: Role, by: User) -> None:
    """Raises MemberRefused."""
    _may_touch(member, by)
    if role != Role.ADMIN:
        _another_admin_than(member)
    member.role = role
    member.save(update_fields=["role"])


@transaction.atomic
def set_active(member: User, active: bool, by: User) -> None:
    """Whether they may log in and call the API; what they made stays. Raises MemberRefused."""
    _may_touch(member, by)
    if not active:
        _not_oneself(member, by)
        _another_admin_than(member)
    member.is_active = active
    member.save(update_fields=["is_active"])


@transaction.atomic
def give_password(member: User, by: User) -> str:
    """A new password, made up; whoever is logged in with the old one no longer is. Raises MemberRefused."""
    _may_touch(member, by)
    password = secrets.token_urlsafe(12)
    member.set_password(password)
    member.save(update_fields=["password"])
    return password


@transaction.atomic
def remove(member: User, by: User) -> None:
    """Their secrets go with them; the instances that they made are `by`'s from now on. Raises MemberRefused."""
    _may_touch(member, by)
    _not_oneself(member, by)
    _another_admin_than(member)
    member.instances.update(user=by)
    member.delete()


def _may_touch(member: User, by: User) -> None:
    if (member.is_staff or member.is_superuser) and not by.is_superuser:
        raise MemberRefused(
            f"{member.email} may use the admin of the whole hub: only who may, too, can change that user."
        )


def _not_oneself(member: User, by: User) -> None:
    if member.pk == by.pk:
        raise MemberRefused("Nobody locks themselves out: another administrator has to do this.")


def _another_admin_than(member: User) -> None:
    """Raises MemberRefused where nobody would be left. The administrators are locked, so that no two go at once."""
    admins = User.objects.select_for_update().filter(
        organization=member.organization_id, role=Role.ADMIN, is_active=True
    )
    left = {admin.pk for admin in admins.only("pk").order_by("pk")}
    if left and not left - {member.pk}:
        raise MemberRefused(f"{member.email} is the last administrator: make somebody else one first.")
