"""The event log's three ways of finding rows find the same, whatever passes, wherever one begins."""

import itertools
import random
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.http import QueryDict
from django.utils import timezone

from accounts.models import User
from console import event_filter, event_search
from console.event_search import Search
from events.models import Change, Delivery, EventStatus, EventType
from tests.console import rows
from tests.plans import plans, scanned

AXES: dict[str, list[str]] = {
    "tag": ["", "Important"],
    "resource": ["", "campaigns"],
    "type": ["", "DELETED"],
    "status": ["", "NOTIFIED", "CONSUMED", "queued"],
    "object_id": ["", "l-0001:1", "l-0001:*", "L-0001:*", "l_0001:*", "*"],
    "span": ["", "1h"],
}


def search(member: User, **query: str) -> Search:
    given = QueryDict(mutable=True)
    given.update(query)
    form = event_filter.of(SimpleNamespace(GET=given, user=member))  # type: ignore[arg-type]
    assert form.is_valid(), form.errors
    return Search(form)


def passes(change: Change, wanted: dict[str, str]) -> bool:
    """The filter, spelled once more."""
    statuses = {change.event.status, change.event.notification.deliveries.get().status}
    prefix = wanted["object_id"].rstrip("*")
    return (
        wanted["tag"] in ("", *change.instance.tags)
        and wanted["resource"] in ("", change.object_type)
        and wanted["type"] in ("", change.event_type)
        and (not wanted["status"] or wanted["status"] in statuses - ({"notified"} if wanted["status"] else set()))
        and (
            change.object_id.startswith(prefix)
            if wanted["object_id"].endswith("*")
            else wanted["object_id"] in ("", change.object_id)
        )
        and (not wanted["span"] or change.found_at > timezone.now() - timedelta(hours=1))
    )


@pytest.fixture
def changes(member: User, stranger: User) -> list[Change]:
    """Some of everything, mixed; another organization's among them."""
    dice = random.Random(7)
    instances = [rows.instance(member), rows.instance(member, tags=["Important", "Docs"])]
    theirs = rows.instance(stranger)
    made = []
    for _ in range(80):
        stuck = dice.random() < 0.3
        made.append(
            rows.change(
                dice.choice([*instances, theirs]),
                dice.choice(["l-0001:1", "l-0001:2", "l-0002:1", "l-0001"]),
                event_type=dice.choice([EventType.UPDATED, EventType.UPDATED, EventType.DELETED]),
                object_type=dice.choice(["contacts", "campaigns"]),
                event_status=EventStatus.CONSUMED if stuck else EventStatus.NOTIFIED,
                delivery_status=Delivery.Status.QUEUED if stuck else Delivery.Status.NOTIFIED,
                found_at=timezone.now() - timedelta(minutes=dice.choice([5, 300])),
            )
        )
    return [change for change in made if change.instance_id != theirs.pk]


# Near and few in turn are so small that another way has to be taken, or so large that it need not.
@pytest.mark.parametrize(("near", "few"), [(20_000, 2000), (3, 2000), (3, 2), (20, 5)])
def test_every_combination_finds_what_passes(
    member: User, changes: list[Change], monkeypatch: pytest.MonkeyPatch, near: int, few: int
) -> None:
    monkeypatch.setattr(event_search, "NEAR_IDS", near)
    monkeypatch.setattr(event_search, "FEW", few)
    dice = random.Random(near + few)
    combinations = list(itertools.product(*AXES.values()))
    for values in dice.sample(combinations, 40):
        wanted = dict(zip(AXES, values, strict=True))
        expected = [change.pk for change in changes[::-1] if passes(change, wanted)]
        found = search(member, **wanted)
        place = dice.choice(changes).pk
        older = [pk for pk in expected if pk < place]
        newer = [pk for pk in expected if pk > place]
        assert found.ids(7) == expected[:7], wanted
        assert found.ids(7, before=place) == older[:7], wanted
        assert found.ids(7, after=place) == newer[-7:], wanted
        assert found.count(None).number == len(expected), wanted


def test_large_counts_are_said_to_be_so(member: User, changes: list[Change], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_search, "COUNTED", 10)
    assert search(member).count(None) == event_search.Count(10, "more than")
    assert search(member, type="UPDATED").count(None) == event_search.Count(10, "more than")


def test_of_a_hub_of_one_organization_all_are_counted_about(member: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_search, "COUNTED", 10)
    row = rows.instance(member)
    first = rows.change(row)
    rows.change(row, id=first.pk + 1234)
    for number in range(10):
        rows.change(row, id=first.pk + 10 + number)
    with plans() as found:
        assert search(member).count(None) == event_search.Count(1200, "about")
    if connection.vendor == "sqlite":
        whole = [sql for sql, plan in found.items() if "LIMIT" not in sql and scanned(plan, {"events_change"})]
        assert not whole, "nothing reads all changes"


def test_without_an_instance_nothing_passes(member: User, changes: list[Change]) -> None:
    nobody: Any = SimpleNamespace(GET=QueryDict(), user=SimpleNamespace(organization_id=-1))
    form = event_filter.of(nobody)
    assert form.is_valid()
    assert Search(form).ids(10) == []
    assert Search(form).count(None).number == 0


def plan(rows_wanted: Any) -> str:
    return str(rows_wanted.explain())


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL reads so small a table as a whole")
def test_what_is_searched_is_searched_in_an_index_alone(member: User, changes: list[Change]) -> None:
    """At two million changes this is what makes the difference between a blink and a minute."""
    for wanted in (
        {"type": "DELETED"},
        {"object_id": "l-0001:*", "type": "DELETED"},
        {"resource": "none", "span": "1h"},
    ):
        found = search(member, **wanted)
        searched = found.passing.annotate(key=F("pk") + 0).order_by("-key").values_list("pk", flat=True)
        assert "USING COVERING INDEX change_by_time" in plan(searched), wanted
    assert "change_by_object" in plan(
        Change.objects.filter(search(member, object_id="l-0001:*").form.narrowest(), instance__in=[1])
    )
    for status, index in (("CONSUMED", "event_unsettled"), ("retry", "delivery_held_up")):
        assert index in plan(search(member, status=status)._with_status().order_by()), status
