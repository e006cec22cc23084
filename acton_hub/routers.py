from typing import Any

from django.conf import settings
from django.db.models import Model

# Apps whose tables live apart from the hub's own, where such a database is configured.
APART = {"sandbox": "sandbox", "django_q": "queue"}


class Router:
    """Sends the sandbox and the queue to databases of their own (DESIGN: processes, layout)."""

    def db_for_read(self, model: type[Model], **hints: Any) -> str | None:
        alias = APART.get(model._meta.app_label)
        return alias if alias in settings.DATABASES else None

    db_for_write = db_for_read

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        alias = APART.get(app_label)
        return db == (alias if alias in settings.DATABASES else "default")
