"""Every page answers with at most twelve queries, however many rows there are to be shown."""

import uuid

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import audit, bootstrap
from accounts.models import Role, User
from events.models import Delivery
from instances.models import Instance
from polling.models import Poll
from tests.console import pages, rows

MOST = 12
FURTHER = ("/console/events?status=retry", "/console/instances?state=failing", "/oauth/callback?code=abc&state=mine")


def fill(member: User, count: int) -> Instance:
    """So many instances, each with so many of everything; returns the last of them."""
    for number in range(count):
        instance = rows.instance(member, f"instance {number}", tags=[f"tag {number}"])
        poller = rows.poller(instance, failures=number % 2)
        for each in range(count):
            rows.position(poller, f"l-{each:04}")
            rows.poll(poller, Poll.Status.FAILED if each % 2 else Poll.Status.SUCCEEDED)
            stuck = Delivery.Status.RETRY if each % 2 else Delivery.Status.NOTIFIED
            change = rows.change(instance, poller=poller, delivery_status=stuck)
            for attempt in range(1, 4):
                rows.attempt(rows.delivery(change), attempt)
        audit.record("something", user=member)
        bootstrap.add_member(member.organization, f"member{number}of{count}@acme.example", Role.VIEWER)
    return instance


@pytest.mark.parametrize("count", [1, 12])
def test_the_number_of_queries_does_not_grow_with_the_rows(browser: Client, member: User, count: int) -> None:
    instance = fill(member, count)
    change = instance.changes.order_by("pk").last()
    assert change
    for sibling in range(count):
        rows.change(instance, f"l-0009:{sibling}", event=change.event)
    ids = {
        "instance_id": instance.pk,
        "change_id": change.pk,
        "user_id": member.pk,
        "kind": "csv",
        "key": uuid.UUID(int=1),
    }
    counts = {}
    for path in (*(pages.path(name, ids) for name in pages.ROUTES.keys() - pages.OPEN), *FURTHER):
        with CaptureQueriesContext(
            connection,
        ) as asked:
            response = browser.get(path)
            if response.streaming:
                response.getvalue()  # all of it, and so with every query
        if response.status_code == 200:
            counts[path] = len(asked)
    assert len(counts) > 15
    assert {path: number for path, number in counts.items() if number > MOST} == {}
