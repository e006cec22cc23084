"""How many deliveries a subscription and a callback host may have in hand, so that trouble stays where it is.

A callback that fails is tried with one delivery at a time until it accepts, and rests after each; a host that did not
answer in time, with one delivery for all of its subscriptions, until it answers (half-open). A callback that rests, or
asked for patience, gets none before that moment.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from events.models import Delivery, Subscription

MOST_A_SUBSCRIPTION = 50  # leased at once, so that a callback that hangs holds up few


class Allowance:
    """Counts what is leased already, and what is taken in addition. The caller's transaction makes it hold."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._subscriptions: dict[int, Subscription] = {}
        self._leased_before: Counter[int] | None = None
        self._leased: Counter[int] = Counter()
        self._leased_of_host: Counter[str] = Counter()

    def learn(self, subscription_ids: Iterable[int]) -> None:
        """Look these up, unless they are known; to be called before anything is taken of them."""
        wanted = set(subscription_ids) - self._subscriptions.keys()
        if not wanted:
            return
        if self._leased_before is None:
            # All that are leased, which are few, and counted here: of some subscriptions alone, or counted there, a
            # database without statistics reads all that was ever sent to them.
            leased = Delivery.objects.filter(lease_until__gte=self._now).order_by()
            self._leased_before = Counter(leased.values_list("subscription_id", flat=True))
        found = Subscription.objects.filter(pk__in=wanted).only("host", "timed_out", "failing_since", "not_before")
        self._subscriptions.update({row.pk: row for row in found})
        self._leased.update({pk: self._leased_before[pk] for pk in wanted})
        hosts = {row.host for row in self._subscriptions.values() if row.timed_out} - self._leased_of_host.keys()
        self._leased_of_host.update(dict.fromkeys(hosts, 0))
        if hosts:
            there = Subscription.objects.filter(pk__in=list(self._leased_before), host__in=hosts)
            for pk, host in there.values_list("pk", "host"):
                self._leased_of_host[host] += self._leased_before[pk]

    def is_left(self, subscription_id: int) -> bool:
        """Whether one more may be taken."""
        row = self._subscriptions.get(subscription_id)
        if row is None or (row.not_before and row.not_before > self._now):
            return False
        if row.timed_out and self._leased_of_host[row.host] >= 1:
            return False
        return self._leased[subscription_id] < (1 if row.failing_since else MOST_A_SUBSCRIPTION)

    def take(self, subscription_id: int) -> bool:
        """Take one, if one is left."""
        if not self.is_left(subscription_id):
            return False
        self._leased[subscription_id] += 1
        self._leased_of_host[self._subscriptions[subscription_id].host] += 1
        return True
