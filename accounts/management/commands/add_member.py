from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email

from accounts import audit
from accounts.bootstrap import add_member
from accounts.models import Organization, Role, User


class Command(BaseCommand):
    help = "Make a further user of an organization, and print the password and the secret."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--role", choices=Role.values, default=Role.VIEWER.value)
        parser.add_argument("--organization", metavar="NAME", help="default: the first organization")

    def handle(self, *args: Any, **options: Any) -> None:
        email, organizations = options["email"].strip(), Organization.objects.order_by("pk")
        if options["organization"]:
            organizations = organizations.filter(name=options["organization"])
        organization = organizations.first()
        if organization is None:
            raise CommandError("--organization: there is no such organization.")
        try:
            validate_email(email)
        except ValidationError:
            raise CommandError(f"email: {email!r} is not an e-mail address.") from None
        if User.objects.filter(email__iexact=email).exists():
            raise CommandError(f"email: {email!r} has an account already.")
        user, password = add_member(organization, email, Role(options["role"]))
        audit.record("add member", organization=organization, who="command line", target=f"{email} ({user.role})")
        self.stdout.write(f"User secret: {user.secret}")
        self.stdout.write(f"Console:     {user.email} / {password}")
