"""What waits for a browser to come back from Act-On; how far exports of the event log are."""

from datetime import datetime, timedelta

from django.db import models

from acton_hub.encryption import EncryptedTextField, lookup_hash, lookup_hashes

TERM = timedelta(minutes=10)
SILENT = timedelta(minutes=2)  # an export that has written nothing for so long is not under way
KEPT = timedelta(days=1)  # so that a page can say what became of it, and bring the form back


class AuthorizationQuerySet(models.QuerySet["Authorization"]):
    def with_state(self, state: str) -> "AuthorizationQuerySet":
        return self.filter(state_hash__in=lookup_hashes(state))

    def take(self, pk: int, now: datetime) -> bool:
        """Use it up; False where somebody else did. One conditional update."""
        return bool(self.filter(pk=pk, used_at=None).update(used_at=now))


class Authorization(models.Model):
    """A form whose sender was sent to Act-On: good once, for ten minutes, in the session that sent it."""

    state_hash = models.CharField(max_length=64, unique=True)
    session_hash = models.CharField(max_length=64)
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="authorizations")
    instance = models.ForeignKey(  # the one to be authenticated again; none: a new one is made
        "instances.Instance", on_delete=models.CASCADE, null=True, related_name="authorizations"
    )
    form = EncryptedTextField()  # JSON: the fields as they were sent
    created_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    objects = AuthorizationQuerySet.as_manager()

    def __str__(self) -> str:
        return f"authorization {self.pk}"

    def is_of_session(self, session_key: str | None) -> bool:
        return self.session_hash in lookup_hashes(session_key or "")

    def is_expired(self, now: datetime) -> bool:
        return now > self.created_at + TERM

    @staticmethod
    def hash_of(text: str) -> str:
        return lookup_hash(text)


class Export(models.Model):
    """One file of the event log that is written or was: how far it is, for whoever waits for it."""

    key = models.UUIDField(primary_key=True)  # of the page that offered the file, and of the kind of file
    organization = models.ForeignKey("accounts.Organization", on_delete=models.CASCADE, related_name="exports")
    kind = models.CharField(max_length=10)
    rows = models.PositiveBigIntegerField(default=0)
    started_at = models.DateTimeField()
    written_at = models.DateTimeField(null=True)  # when its rows were counted last
    finished_at = models.DateTimeField(null=True)
    whole = models.BooleanField(default=False)

    class Meta:
        indexes = [models.Index(fields=["started_at"], name="export_old")]

    def __str__(self) -> str:
        return f"{self.kind}, {self.rows} rows"

    def state(self, now: datetime) -> str:
        """One word: writing, done, or broken off (what shows no sign of life any more was killed)."""
        if self.finished_at is not None:
            return "done" if self.whole else "broken off"
        return "writing" if now - (self.written_at or self.started_at) < SILENT else "broken off"
