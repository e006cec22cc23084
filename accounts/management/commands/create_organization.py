from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email

from accounts.bootstrap import create_organization
from accounts.models import Organization, User


class Command(BaseCommand):
    help = "Make a further organization with its administrator, and print their secrets."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--admin", required=True, metavar="EMAIL")

    def handle(self, *args: Any, **options: Any) -> None:
        name, email = options["name"].strip(), options["admin"].strip()
        try:
            validate_email(email)
        except ValidationError:
            raise CommandError(f"--admin: {email!r} is not an e-mail address.") from None
        if not name or Organization.objects.filter(name=name).exists():
            raise CommandError(f"name: {name!r} is empty or taken.")
        if User.objects.filter(email__iexact=email).exists():
            raise CommandError(f"--admin: {email!r} has an account already.")
        organization, user, password = create_organization(name, email)
        self.stdout.write(f"Organization secret: {organization.secret}")
        self.stdout.write(f"User secret:         {user.secret}")
        self.stdout.write(f"Console:             {user.email} / {password}")
