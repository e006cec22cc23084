"""Everything that is encrypted, under the newest key (ENCRYPTION_KEYS): online, in small transactions, resumable.

Old keys go on decrypting meanwhile, and are tried in look-ups. What is under the newest key already is left alone, so a
run that was stopped goes on where it was.
"""

from collections.abc import Iterator

from cryptography.fernet import Fernet, InvalidToken
from django.apps import apps
from django.conf import settings
from django.db import models, transaction
from django.db.models.functions import Cast

from acton_hub.encryption import encrypted_fields, rehash
from elements.acton import limits
from elements.models import CallBudget, Connection

BATCH = 100


def encrypted_models() -> list[type[models.Model]]:
    """Every model with something encrypted, so that a new one is never forgotten."""
    return [model for model in apps.get_models() if encrypted_fields(model)]


def rotate(model: type[models.Model]) -> Iterator[int]:
    """Encrypt the rows of a model with the newest key, and hash them with it; yields how many each batch changed.

    Raises cryptography.fernet.InvalidToken where a value is under no key of ENCRYPTION_KEYS; what came before stays.
    """
    last = 0
    while True:
        with transaction.atomic():
            pks = list(_rows(model).filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH])
            if not pks:
                return
            old = _not_under_newest_key(model, pks)
            rows = list(_rows(model).select_for_update().filter(pk__in=old).order_by("pk"))
            for row in rows:
                row.save(update_fields=[*encrypted_fields(model), *rehash(row)])
        last = pks[-1]
        yield len(rows)


def _rows(model: type[models.Model]) -> "models.QuerySet[models.Model]":
    return model._base_manager.all()


def _not_under_newest_key(model: type[models.Model], pks: list[int]) -> list[int]:
    names = encrypted_fields(model)
    stored = [Cast(name, models.TextField()) for name in names]
    newest = Fernet(settings.ENCRYPTION_KEYS[0])
    return [
        pk
        for pk, *texts in _rows(model).filter(pk__in=pks).values_list("pk", *stored)
        if not all(_opens(newest, text) for text in texts if text)
    ]


def _opens(key: Fernet, text: str) -> bool:
    try:
        key.decrypt(text.encode())
    except InvalidToken:
        return False
    return True


def rotate_budgets() -> int:
    """The budgets of calls are found by a hash as well; returns how many changed."""
    changed = 0
    for connection in Connection.objects.select_related("budget").iterator(chunk_size=BATCH):
        scope = limits.scope_of(connection.host, connection.api_key, connection.account)
        changed += CallBudget.objects.filter(pk=connection.budget_id).exclude(scope=scope).update(scope=scope)
    return changed
