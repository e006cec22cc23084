"""Members: an organization is never left without an administrator, and nobody rises above what they may."""

from collections.abc import Callable

import pytest

from accounts import bootstrap, members
from accounts.members import MemberRefused
from accounts.models import Role, User
from tests import rows

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def second(user: User) -> User:
    return bootstrap.add_member(user.organization, "second@example.com", Role.ADMIN)[0]


TAKES_AWAY: list[Callable[[User, User], None]] = [
    lambda member, by: members.change_role(member, Role.OPERATOR, by),
    lambda member, by: members.set_active(member, False, by),
    members.remove,
]


@pytest.mark.parametrize("take_away", TAKES_AWAY, ids=["role", "access", "removed"])
def test_the_last_administrator_stays(user: User, second: User, take_away: Callable[[User, User], None]) -> None:
    members.change_role(second, Role.OPERATOR, user)
    with pytest.raises(MemberRefused, match="last administrator"):
        take_away(user, second)
    assert User.objects.filter(organization=user.organization, role=Role.ADMIN, is_active=True).get() == user


@pytest.mark.parametrize("take_away", TAKES_AWAY, ids=["role", "access", "removed"])
def test_one_of_two_can_go(user: User, second: User, take_away: Callable[[User, User], None]) -> None:
    take_away(second, user)
    assert User.objects.filter(organization=user.organization, role=Role.ADMIN, is_active=True).get() == user


def test_an_administrator_who_is_locked_out_does_not_count(user: User, second: User) -> None:
    members.set_active(second, False, user)
    with pytest.raises(MemberRefused, match="last administrator"):
        members.change_role(user, Role.VIEWER, user)


def test_nobody_locks_themselves_out(user: User, second: User) -> None:
    for take_away in TAKES_AWAY[1:]:
        with pytest.raises(MemberRefused, match="Nobody locks themselves out"):
            take_away(user, user)
    members.change_role(user, Role.VIEWER, user)  # this can be undone by the other one


def test_the_instances_of_whoever_is_removed_are_handed_over(user: User, second: User) -> None:
    instance = rows.instance(second)
    members.remove(second, user)
    instance.refresh_from_db()
    assert instance.user == user
    assert not User.objects.filter(email="second@example.com").exists()


def test_who_administers_the_whole_hub_is_changed_by_their_like_alone(user: User, second: User) -> None:
    User.objects.filter(pk=second.pk).update(is_staff=True, is_superuser=True)
    second.refresh_from_db()
    for take_away in TAKES_AWAY:
        with pytest.raises(MemberRefused, match="admin of the whole hub"):
            take_away(second, user)
    with pytest.raises(MemberRefused, match="admin of the whole hub"):
        members.give_password(second, user)
    assert second.check_password(members.give_password(second, second))
