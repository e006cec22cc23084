"""A new secret, and how long the one before it is still good: both are, so that programs can change over."""

from datetime import datetime, timedelta

from django.db import transaction

from accounts.models import FormerSecret, Organization, User

LONGEST = timedelta(days=30)


@transaction.atomic
def rotate(holder: Organization | User, keep: timedelta, now: datetime) -> None:
    """Give it a new secret; the old one is good for `keep` more.

    With nothing to keep, whatever else was still good ends, too: this is how a secret that leaked is replaced.
    Raises ValueError for more than LONGEST, and for less than nothing.
    """
    if not timedelta() <= keep <= LONGEST:
        raise ValueError(f"A former secret is good for {LONGEST.days} days at most.")
    former = FormerSecret(expires_at=now + keep)
    if isinstance(holder, User):
        former.user = holder
        former.set_secret(User._base_manager.select_for_update().get(pk=holder.pk).secret)
    else:
        former.organization = holder
        former.set_secret(Organization.objects.select_for_update().get(pk=holder.pk).secret)
    holder.set_secret()
    holder.save(update_fields=["secret", "secret_hash"])
    if keep:
        former.save()
    else:
        holder.former_secrets.all().delete()


def end(holder: Organization | User, former_id: int) -> bool:
    """From now on that former secret is refused; False where there is none."""
    count, _ = holder.former_secrets.filter(pk=former_id).delete()
    return bool(count)


def prune(now: datetime) -> None:
    FormerSecret.objects.filter(expires_at__lte=now).delete()
