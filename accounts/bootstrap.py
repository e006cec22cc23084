"""The first organization, its user and the console's first administrator; and how further ones are made."""

import secrets
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db import transaction

from accounts.models import Organization, Role, User

LEAST_SECRET = 20  # characters


@dataclass(frozen=True)
class Bootstrapped:
    """What was made up now, to be shown once; empty where a setting gave it, or where it existed before."""

    created: bool
    admin_email: str
    admin_password: str = ""
    user_secret: str = ""
    organization_secret: str = ""


@transaction.atomic
def create_organization(
    name: str, admin_email: str, *, password: str = "", user_secret: str = "", organization_secret: str = ""
) -> tuple[Organization, User, str]:
    """A new organization and its administrator; secrets and password are made up where not given.

    Raises django.db.IntegrityError when the name, the address or a given secret is taken.
    """
    organization = Organization(name=name)
    organization.set_secret(organization_secret)
    organization.save()
    user = User(
        organization=organization,
        email=User.objects.normalize_email(admin_email),
        first_name="Hub",
        last_name="Admin",
        role=Role.ADMIN,
    )
    user.set_secret(user_secret)
    password = password or secrets.token_urlsafe(12)
    user.set_password(password)
    user.save()
    return organization, user, password


def add_member(organization: Organization, email: str, role: Role) -> tuple[User, str]:
    """A further user, and the password that was made up. Raises django.db.IntegrityError when the address is taken."""
    user = User(organization=organization, email=User.objects.normalize_email(email), role=role)
    user.set_secret()
    password = secrets.token_urlsafe(12)
    user.set_password(password)
    user.save()
    return user, password


def _refuse_what_can_be_guessed() -> None:
    """Raises ImproperlyConfigured that names the setting."""
    try:
        if settings.BOOTSTRAP_ADMIN_PASSWORD:
            validate_password(settings.BOOTSTRAP_ADMIN_PASSWORD, User(email=settings.BOOTSTRAP_ADMIN_EMAIL))
    except ValidationError as error:
        raise ImproperlyConfigured(f"BOOTSTRAP_ADMIN_PASSWORD cannot be used: {' '.join(error.messages)}") from None
    for name in ("BOOTSTRAP_USER_SECRET", "BOOTSTRAP_ORGANIZATION_SECRET"):
        if 0 < len(getattr(settings, name)) < LEAST_SECRET:
            raise ImproperlyConfigured(f"{name} cannot be used: expected at least {LEAST_SECRET} characters")


def ensure() -> Bootstrapped:
    """Make the first organization where there is none yet. The same settings on a later start change nothing."""
    if Organization.objects.exists():
        return Bootstrapped(created=False, admin_email=settings.BOOTSTRAP_ADMIN_EMAIL)
    if settings.IN_PRODUCTION:
        _refuse_what_can_be_guessed()
    organization, user, password = create_organization(
        "Acton Hub",
        settings.BOOTSTRAP_ADMIN_EMAIL,
        password=settings.BOOTSTRAP_ADMIN_PASSWORD,
        user_secret=settings.BOOTSTRAP_USER_SECRET,
        organization_secret=settings.BOOTSTRAP_ORGANIZATION_SECRET,
    )
    user.is_staff = user.is_superuser = True
    user.save()
    return Bootstrapped(
        created=True,
        admin_email=user.email,
        admin_password="" if settings.BOOTSTRAP_ADMIN_PASSWORD else password,
        user_secret="" if settings.BOOTSTRAP_USER_SECRET else user.secret,
        organization_secret="" if settings.BOOTSTRAP_ORGANIZATION_SECRET else organization.secret,
    )
