from typing import Any

from cryptography.fernet import InvalidToken
from django.core.management.base import BaseCommand, CommandError

from accounts import audit
from processes import rotation


class Command(BaseCommand):
    help = "Encrypt everything with the newest of ENCRYPTION_KEYS. The hub may run meanwhile; run again, it goes on."

    def handle(self, *args: Any, **options: Any) -> None:
        total = 0
        for model in rotation.encrypted_models():
            name, done = model._meta.verbose_name_plural, 0
            try:
                for changed in rotation.rotate(model):
                    done += changed
            except InvalidToken:
                raise CommandError(
                    f"{name}: a value is under none of ENCRYPTION_KEYS. Put the key that it was encrypted with back."
                ) from None
            self.stdout.write(f"{name}: {done}")
            total += done
        rotation.rotate_budgets()
        audit.record("rotate keys", who="command line", target=f"{total} rows")
        self.stdout.write(f"{total} rows are encrypted anew. The older keys of ENCRYPTION_KEYS are needed no more.")
