"""Who uses the hub: organizations, their users, and the secrets of both (CONTRACT §1)."""

from datetime import datetime
from typing import Any, ClassVar, Self

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models

from acton_hub.encryption import EncryptedTextField, lookup_hash, lookup_hashes, new_secret


class Role(models.TextChoices):
    """What a user may do: look; work with instances, polls and deliveries; see secrets, change account and members."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def includes(self, other: "Role") -> bool:
        """Whether who has this role may do what that one may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


class SecretQuerySet(models.QuerySet[Any]):
    def with_secret(self, secret: str) -> Self:
        """Those whose secret is `secret`; it is stored encrypted and found by its keyed hash."""
        return self.filter(secret_hash__in=lookup_hashes(secret))


class HasSecret(models.Model):
    """A secret that is random, encrypted at rest, and found by a keyed hash."""

    secret = EncryptedTextField()
    secret_hash = models.CharField(max_length=64, unique=True, editable=False)

    class Meta:
        abstract = True

    def has_secret(self, secret: str) -> bool:
        """Whether that is its secret, by the keyed hash."""
        return self.secret_hash in lookup_hashes(secret)

    def set_secret(self, secret: str = "") -> None:
        """Take `secret`, or make one up; the caller saves."""
        self.secret = secret or new_secret()
        self.secret_hash = lookup_hash(self.secret)


class Organization(HasSecret):
    class FailurePolicy(models.TextChoices):
        """What becomes of a notification that a callback does not accept (CONTRACT §6)."""

        RETRY = "retry"
        QUEUE = "queue"

    name = models.CharField(max_length=200, unique=True)
    failure_policy = models.CharField(max_length=10, choices=FailurePolicy.choices, default=FailurePolicy.RETRY)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = SecretQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name

    def accepts(self, secret: str, now: datetime) -> bool:
        """Whether that is its secret, or a former one that is still good."""
        return self.has_secret(secret) or self.former_secrets.good(now).with_secret(secret).exists()


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)

    def with_secret(self, secret: str) -> "models.QuerySet[User]":
        return self.filter(secret_hash__in=lookup_hashes(secret))

    def with_former_secret(self, secret: str, now: datetime) -> "models.QuerySet[User]":
        """Those that `secret` was of, while it is still good."""
        return self.filter(former_secrets__secret_hash__in=lookup_hashes(secret), former_secrets__expires_at__gt=now)


class User(AbstractBaseUser, PermissionsMixin, HasSecret):
    """A person or a program of one organization; signs in to the console by e-mail address."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="users")
    email = models.EmailField(unique=True)
    first_name = models.CharField(max_length=150, blank=True)
    last_name = models.CharField(max_length=150, blank=True)
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.VIEWER)
    is_staff = models.BooleanField("may use the admin", default=False)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()

    def __str__(self) -> str:
        return self.email

    def may(self, needed: Role) -> bool:
        return Role(self.role).includes(needed)


class FormerSecretQuerySet(SecretQuerySet):
    def good(self, now: datetime) -> Self:
        return self.filter(expires_at__gt=now)


class FormerSecret(HasSecret):
    """A secret that was replaced, and is good for a while longer, so that who uses it can change over."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="former_secrets")
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, null=True, related_name="former_secrets")
    expires_at = models.DateTimeField(db_index=True)

    objects = FormerSecretQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(user=None, organization__isnull=False)
                | models.Q(user__isnull=False, organization=None),
                name="former_secret_of_one",
            )
        ]

    def __str__(self) -> str:
        return f"former secret {self.pk}"


class AuditEntry(models.Model):
    """Who did what from where. Entries are added, and pruned when they are old; nothing changes one."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, null=True, related_name="audit_entries")
    user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="audit_entries")
    who = models.CharField(max_length=254)  # the address of the user, who may be gone; as it was typed, if unknown
    at = models.DateTimeField()
    address = models.CharField(max_length=45, blank=True)  # empty: the command line
    action = models.CharField(max_length=200)
    target = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["organization", "-id"], name="audit_newest_first"),
            models.Index(fields=["at"], name="audit_by_date"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.who}: {self.action}"


class TwoFactor(models.Model):
    """The second factor of a user's log-in; it counts once it was confirmed (see accounts.two_factor)."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="two_factor")
    seed = EncryptedTextField()  # base32, as authenticator apps take it
    confirmed_at = models.DateTimeField(null=True)
    last_step = models.BigIntegerField(default=0)  # the time step of the last code that was taken: none is good twice
    recovery_hashes = models.JSONField(default=list)  # of the codes that were not used yet

    class Meta:
        verbose_name = "second factor"

    def __str__(self) -> str:
        return f"second factor of user {self.user_id}"
