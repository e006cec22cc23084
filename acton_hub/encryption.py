"""Encryption at rest, and the keyed hashes by which encrypted secrets are found.

ENCRYPTION_KEYS holds Fernet keys, newest first: the first one encrypts and hashes, all of them decrypt and
are tried in look-ups, so that keys can be rotated while the hub runs.
"""

import base64
import hashlib
import hmac
import secrets
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.db import models

KEPT = 1000  # secrets that a process remembers in clear

if TYPE_CHECKING:
    TextField = models.TextField[str, str]
else:
    TextField = models.TextField  # Django's fields take type parameters only in its stubs


@cache
def _cipher(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def encrypt(text: str) -> str:
    return _cipher(tuple(settings.ENCRYPTION_KEYS)).encrypt(text.encode()).decode("ascii")


def decrypt(token: str) -> str:
    """Raises cryptography.fernet.InvalidToken when no key of ENCRYPTION_KEYS fits."""
    return _decrypted(tuple(settings.ENCRYPTION_KEYS), token)


@lru_cache(maxsize=KEPT)
def _decrypted(keys: tuple[str, ...], token: str) -> str:
    """The same few secrets are needed at every delivery of an instance, and reading one takes as long as a query."""
    return _cipher(keys).decrypt(token.encode()).decode()


def _hash(key: str, text: str) -> str:
    return hmac.new(b"acton-hub look-up\0" + key.encode(), text.encode(), hashlib.sha256).hexdigest()


def lookup_hash(text: str) -> str:
    """The hash stored beside an encrypted secret."""
    return _hash(settings.ENCRYPTION_KEYS[0], text)


def lookup_hashes(text: str) -> list[str]:
    """Every hash under which `text` may be stored, newest key first: for `field__in=` look-ups."""
    return [_hash(key, text) for key in settings.ENCRYPTION_KEYS]


def new_secret() -> str:
    """256 random bits as base64 text, like the platform's secrets (CONTRACT §1: they contain `/ + =`)."""
    return base64.b64encode(secrets.token_bytes(32)).decode("ascii")


class EncryptedTextField(TextField):
    """Text that is encrypted in the database and clear in Python. It cannot be searched."""

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return value if value in (None, "") else encrypt(value)

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        return value if value in (None, "") else decrypt(str(value))


def encrypted_fields(model: type[models.Model]) -> list[str]:
    return [field.name for field in model._meta.concrete_fields if isinstance(field, EncryptedTextField)]


def rehash(row: models.Model) -> list[str]:
    """Hash anew, with the newest key, what a row is found by; returns the names of these fields. The caller saves."""
    columns = {field.name for field in row._meta.concrete_fields}
    hashed = [name for name in encrypted_fields(type(row)) if f"{name}_hash" in columns]
    for name in hashed:
        setattr(row, f"{name}_hash", lookup_hash(getattr(row, name)))
    return [f"{name}_hash" for name in hashed]
