import getpass
import sys
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from accounts import audit, two_factor
from accounts.models import User


class Command(BaseCommand):
    help = "Show the secrets of a user and its organization; or give the user a new password; or end its second factor."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", metavar="EMAIL", help="default: the first user")
        parser.add_argument("--header", action="store_true", help="only the Authorization header's value, for scripts")
        parser.add_argument("--set-password", action="store_true", help="asked for, or read from standard input")
        parser.add_argument("--reset-two-factor", action="store_true", help="the next log-in asks for no code")

    def handle(self, *args: Any, **options: Any) -> None:
        users = User.objects.select_related("organization").order_by("pk")
        if options["user"]:
            users = users.filter(email__iexact=options["user"])
        user = users.first()
        if user is None:
            raise CommandError("There is no such user. `make run` makes the first one.")
        if options["set_password"]:
            self.set_password(user)
        if options["reset_two_factor"]:
            self.reset_two_factor(user)
        if options["set_password"] or options["reset_two_factor"]:
            return
        header = f"User {user.secret}, Organization {user.organization.secret}"
        if options["header"]:
            self.stdout.write(header)
            return
        self.stdout.write(f"User:                {user.email}")
        self.stdout.write(f"User secret:         {user.secret}")
        self.stdout.write(f"Organization secret: {user.organization.secret}")
        self.stdout.write(f"Authorization: {header}")

    def set_password(self, user: User) -> None:
        password = getpass.getpass("New password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
        try:
            validate_password(password, user)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        user.set_password(password)
        user.save(update_fields=["password"])
        audit.record("set password", organization=user.organization, who="command line", target=user.email)
        self.stdout.write(f"{user.email} has a new password.")

    def reset_two_factor(self, user: User) -> None:
        had_one = two_factor.switch_off(user)
        audit.record("reset two-factor", organization=user.organization, who="command line", target=user.email)
        self.stdout.write(f"{user.email} {'has no second factor any more' if had_one else 'had no second factor'}.")
