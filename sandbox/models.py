"""What the sandbox remembers. Its tables live in the database alias "sandbox"; all moments are in milliseconds."""

from django.db import models
from django.utils.crypto import get_random_string

from sandbox.clock import now_ms

DATABASE = "sandbox"
ACCOUNT_NAME = r"[A-Za-z0-9][A-Za-z0-9.@_+-]{0,99}"


def random_token() -> str:
    return get_random_string(40)


class Application(models.Model):
    """An API key with its secret: any new pair is accepted, a known key keeps its secret."""

    client_id = models.CharField(max_length=255, unique=True)
    secret = models.CharField(max_length=255)

    def __str__(self) -> str:
        return self.client_id


class Account(models.Model):
    """An Act-On account (and its one user), with its limits, its counters and how it behaves."""

    class Ordering(models.TextChoices):
        ID = "id", "by id"
        CHANGED_OLDEST = "changed_oldest", "by change, oldest first"
        CHANGED_NEWEST = "changed_newest", "by change, newest first"
        NAME = "name", "by e-mail address"

    class DateUnit(models.TextChoices):
        MILLISECONDS = "ms", "milliseconds"
        SECONDS = "s", "seconds"

    class DateColumns(models.TextChoices):
        PLAIN = "plain", "created_date, modified_date"
        UNDERSCORED = "underscored", "__created_date, __modified_date"

    name = models.CharField(max_length=100, unique=True)
    created_ms = models.BigIntegerField(default=now_ms)
    next_list = models.PositiveIntegerField(default=1)

    ordering = models.CharField("order of list downloads", max_length=20, choices=Ordering, default=Ordering.ID)
    date_unit = models.CharField(
        "unit of modafter and the like", max_length=2, choices=DateUnit, default=DateUnit.MILLISECONDS
    )
    date_columns = models.CharField(
        "names of the date columns", max_length=12, choices=DateColumns, default=DateColumns.PLAIN
    )
    strict_refresh = models.BooleanField("a refresh token works only once", default=False)
    clock_offset_ms = models.BigIntegerField("clock ahead by (ms)", default=0)
    access_lifetime_s = models.PositiveIntegerField("access token lasts (seconds)", default=3600)

    calls_per_second = models.PositiveIntegerField("calls a second", default=5)
    calls_per_day = models.PositiveIntegerField("calls a day", default=30_000)
    token_calls_per_hour = models.PositiveIntegerField("token calls an hour", default=5)

    # Counters since the last reset; refused calls count as calls that were seen, not against a limit.
    counted_from_ms = models.BigIntegerField(default=now_ms)
    day = models.CharField(max_length=10, default="")
    calls_today = models.PositiveIntegerField(default=0)
    api_calls = models.PositiveIntegerField(default=0)
    token_calls = models.PositiveIntegerField(default=0)
    most_in_a_second = models.PositiveIntegerField(default=0)
    most_token_calls_in_an_hour = models.PositiveIntegerField(default=0)
    refused_by_second = models.PositiveIntegerField(default=0)
    refused_by_day = models.PositiveIntegerField(default=0)
    refused_by_hour = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return self.name

    def now_ms(self) -> int:
        """What this account believes is now."""
        return now_ms() + self.clock_offset_ms


class AuthorizationCode(models.Model):
    """A one-time code, bound to the API key and the redirect address that asked for it."""

    code = models.CharField(max_length=64, unique=True, default=random_token)
    client_id = models.CharField(max_length=255)
    redirect_uri = models.CharField(max_length=2000)
    account = models.ForeignKey(Account, on_delete=models.CASCADE)
    expires_ms = models.BigIntegerField()
    spent = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.client_id} for {self.account_id}"


class TokenPair(models.Model):
    """An access token with its refresh token. Of one application and account at most one pair is live."""

    application = models.ForeignKey(Application, on_delete=models.CASCADE)
    account = models.ForeignKey(Account, on_delete=models.CASCADE)
    access_token = models.CharField(max_length=64, unique=True, default=random_token)
    refresh_token = models.CharField(max_length=64, unique=True, default=random_token)
    access_expires_ms = models.BigIntegerField()
    refresh_expires_ms = models.BigIntegerField()
    live = models.BooleanField(default=True)
    used = models.BooleanField(default=False)  # whether its access token was ever seen in a call
    rotated_from = models.ForeignKey("self", null=True, on_delete=models.SET_NULL)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["application", "account"], condition=models.Q(live=True), name="sandbox_one_live_pair"
            )
        ]

    def __str__(self) -> str:
        return f"{self.application_id} for {self.account_id}"


class ContactList(models.Model):
    """A contact list; `modified_ms` is Act-On's `tsLastModified`."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="lists")
    list_id = models.CharField(max_length=20)
    name = models.CharField(max_length=200)
    headers: "models.JSONField[list[str], list[str]]" = models.JSONField()
    next_record = models.PositiveIntegerField(default=1)
    created_ms = models.BigIntegerField()
    modified_ms = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "list_id"], name="sandbox_list_id")]

    def __str__(self) -> str:
        return self.list_id


class Contact(models.Model):
    """A row of a list: its cells in the order of the list's headers."""

    contact_list = models.ForeignKey(ContactList, on_delete=models.CASCADE, related_name="contacts")
    record = models.PositiveIntegerField()
    email = models.CharField(max_length=320, default="")  # the sort key of the order by name
    cells: "models.JSONField[list[str], list[str]]" = models.JSONField()
    created_ms = models.BigIntegerField()
    modified_ms = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["contact_list", "record"], name="sandbox_contact_record")]
        indexes = [
            models.Index(fields=["contact_list", "modified_ms", "record"], name="sandbox_contact_modified"),
            models.Index(fields=["contact_list", "email", "record"], name="sandbox_contact_email"),
        ]

    def __str__(self) -> str:
        return str(self.record)


class Call(models.Model):
    """One API or token call of an account: what the limits count, and the log that tests read."""

    class Kind(models.TextChoices):
        API = "api"
        TOKEN = "token"  # noqa: S105

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="calls")
    kind = models.CharField(max_length=5, choices=Kind)
    method = models.CharField(max_length=10)
    path = models.CharField(max_length=2000)
    at_ms = models.BigIntegerField()
    status = models.PositiveSmallIntegerField(null=True)  # none while it is answered, 0 for a dropped connection
    refused_by = models.CharField(max_length=10, default="")
    fault = models.CharField(max_length=20, default="")

    class Meta:
        indexes = [models.Index(fields=["account", "kind", "at_ms"], name="sandbox_call_window")]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Fault(models.Model):
    """Something that goes wrong for an account, for a number of calls or until it is switched off."""

    class Kind(models.TextChoices):
        THROTTLE = "throttle", "Throttling"
        ERROR = "error", "Server error"
        SLOW = "slow", "Slow answer"
        DROP = "drop", "Dropped connection"
        TRUNCATE = "truncate", "Truncated body"
        HTML = "html", "HTML page with 200"
        EMPTY = "empty", "Empty body with 200"
        SHORT_ROWS = "short_rows", "Rows too short"
        EXPIRE_TOKEN = "expire_token", "Expired access token"
        LOSE_TOKENS = "lose_tokens", "Token answer lost"
        MOVE_DATA = "move_data", "Moving data"

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="faults")
    kind = models.CharField(max_length=20, choices=Kind)
    path = models.CharField(max_length=500)  # a part of the paths that it is meant for
    waits = models.PositiveIntegerField(default=0)  # calls it lets pass first
    remaining = models.PositiveIntegerField(null=True)  # none: until switched off
    status = models.PositiveSmallIntegerField(default=0)
    delay_ms = models.PositiveIntegerField(default=0)
    retry_after_s = models.PositiveIntegerField(null=True)
    operations: "models.JSONField[dict[str, object], dict[str, object]]" = models.JSONField(default=dict)

    def __str__(self) -> str:
        return self.kind


class Inbox(models.Model):
    """Receives callbacks; how it answers can be made to fail for a number of messages."""

    name = models.CharField(max_length=100, unique=True)
    key = models.CharField("signature key", max_length=500, default="", blank=True)
    status = models.PositiveSmallIntegerField(default=0)  # 0: 200, the answer of a healthy receiver
    delay_ms = models.PositiveIntegerField(default=0)
    drop = models.BooleanField(default=False)
    truncate = models.BooleanField(default=False, db_default=False)
    location = models.CharField(max_length=2000, default="", blank=True)
    retry_after_s = models.PositiveIntegerField(null=True, blank=True)
    remaining = models.PositiveIntegerField(null=True, blank=True)  # messages that the fault is for; none: until off

    def __str__(self) -> str:
        return self.name


class Message(models.Model):
    """One request that an inbox received, byte by byte."""

    inbox = models.ForeignKey(Inbox, on_delete=models.CASCADE, related_name="messages")
    method = models.CharField(max_length=10)
    path = models.CharField(max_length=2000)
    headers: "models.JSONField[dict[str, str], dict[str, str]]" = models.JSONField()
    body = models.BinaryField()
    received_ms = models.BigIntegerField()
    status = models.PositiveSmallIntegerField()  # what the inbox answered; 0 for a dropped connection

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Thing(models.Model):
    """What is neither list nor contact: a message, a page, a form, a program, a category, a sender."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="things")
    kind = models.CharField(max_length=20)
    thing_id = models.CharField(max_length=50)
    values: "models.JSONField[dict[str, object], dict[str, object]]" = models.JSONField()
    modified_ms = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "kind", "thing_id"], name="sandbox_thing")]

    def __str__(self) -> str:
        return f"{self.kind} {self.thing_id}"
