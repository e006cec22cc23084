"""The one place that reads the environment. Every setting is described in `.env.example`.

A value that cannot be used raises ImproperlyConfigured with one line that names the setting; `manage.py`
prints that line and exits 1. A setting that is set to nothing counts as "none" and keeps its default.
"""

import ipaddress
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import environ
from cryptography.fernet import Fernet, MultiFernet
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.management.utils import get_random_secret_key
from django.core.validators import validate_email

BASE_DIR = Path(__file__).resolve().parent.parent
T = TypeVar("T")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

env = environ.Env()


def read_dotenv() -> None:
    """Load `.env` beside `manage.py`; what the environment already sets wins."""
    environ.Env.read_env(BASE_DIR / ".env", overwrite=False)


def read(name: str, cast: Callable[[str], T], default: T, *, secret: bool = False) -> T:
    """The setting `name` through `cast`; ValueError from `cast` stops the start with one line.

    The line shows the value, unless it is or may hold a secret.
    """
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    try:
        return cast(text)
    except (ValueError, environ.ImproperlyConfigured) as error:
        shown = name if secret else f"{name}={text!r}"
        raise ImproperlyConfigured(f"{shown} cannot be used: {error}") from error


def text(value: str) -> str:
    return value


def boolean(value: str) -> bool:
    known = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
    if value.lower() not in known:
        raise ValueError("expected true or false")
    return known[value.lower()]


def whole_number(least: int, most: int) -> Callable[[str], int]:
    def cast(value: str) -> int:
        if not value.isascii() or not value.isdigit() or not least <= int(value) <= most:
            raise ValueError(f"expected a whole number from {least} to {most}")
        return int(value)

    return cast


def one_of(*values: str) -> Callable[[str], str]:
    def cast(value: str) -> str:
        if value not in values:
            raise ValueError(f"expected one of {', '.join(values)}")
        return value

    return cast


def http_url(value: str) -> str:
    """An absolute http(s) URL without a trailing slash."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("expected a URL such as https://hub.example.com")
    if parts.port == 0 or parts.username is not None:
        raise ValueError("expected a URL without credentials and with a usable port")
    return value.rstrip("/")


def http_urls(value: str) -> list[str]:
    return [http_url(item.strip()) for item in value.split(",") if item.strip()]


def networks(value: str) -> list[Network]:
    return [ipaddress.ip_network(item.strip()) for item in value.split(",") if item.strip()]


def names(value: str) -> list[str]:
    return [item.strip() for item in value.split(",") if item.strip()]


def email_address(value: str) -> str:
    try:
        validate_email(value)
    except ValidationError:
        # The default has no dot in its domain, and a hub on one machine needs none.
        if re.fullmatch(r"[^@\s]+@localhost", value) is None:
            raise ValueError("expected an e-mail address") from None
    return value


def email_addresses(value: str) -> list[str]:
    return [email_address(item.strip()) for item in value.split(",") if item.strip()]


def host_name(url: str) -> str:
    return urlsplit(url).hostname or "localhost"


def email_url(value: str) -> dict[str, Any]:
    """Django's settings of one mail server. (`smtps` stands for either kind of TLS, depending on who is asked.)"""
    if urlsplit(value).scheme not in ("smtp", "smtp+tls", "smtp+ssl") or not urlsplit(value).hostname:
        raise ValueError("expected smtp+tls://user:password@mail.example.com:587, or smtp+ssl:// with port 465")
    settings: dict[str, Any] = env.email_url_config(value)
    return settings


def webhook_url(value: str) -> str:
    """An http(s) URL that may well have a query, and holds a secret as a rule."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0 or parts.username is not None:
        raise ValueError("expected an http(s) URL without credentials in front of its host")
    return value


def database_url(value: str) -> dict[str, Any]:
    """Django's settings of one database."""
    if urlsplit(value).scheme not in ("sqlite", "postgres", "postgresql"):
        raise ValueError("expected postgres://user:password@host:5432/name or sqlite:////path/to/file")
    settings: dict[str, Any] = env.db_url_config(value)
    if not settings["NAME"]:
        raise ValueError("expected the name of a database at its end")
    return settings


def redis_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("redis", "rediss", "unix") or not (parts.hostname or parts.path):
        raise ValueError("expected redis://[user:password@]host:6379/0")
    if parts.port == 0:
        raise ValueError("expected a usable port")
    return value


def fernet_keys(value: str) -> list[str]:
    keys = [item.strip() for item in value.split(",") if item.strip()]
    if any(len(set(key)) < 10 for key in keys):
        raise ValueError("expected random keys")
    try:
        MultiFernet([Fernet(key) for key in keys])
    except ValueError:
        raise ValueError("expected Fernet keys (32 bytes, URL-safe base64), separated by commas") from None
    return keys


def data_directory(value: str) -> Path:
    """Make the folder that holds what this hub owns; relative paths are below the checkout."""
    folder = (BASE_DIR / value).resolve()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"DATA_DIR={value!r} cannot be used: {error.strerror}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ImproperlyConfigured(f"DATA_DIR={value!r} cannot be used: it cannot be written")
    return folder


def _kept(folder: Path, name: str, make: Callable[[], str]) -> str:
    """The secret kept in `folder/name` (mode 600), made at its first use by whichever process comes first."""
    path = folder / name
    if not path.exists():
        draft = folder / f".{name}.{os.getpid()}"
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
            file.write(make())
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text(encoding="ascii").strip()


def secret_key(folder: Path, *, make: bool) -> str:
    """SECRET_KEY, else the one kept in the folder, which is made there where `make` says so."""
    given: str = read("SECRET_KEY", _hard_to_guess, "", secret=True)
    return given or _kept_or_made("SECRET_KEY", folder, get_random_secret_key, make=make)


def encryption_keys(folder: Path, *, make: bool) -> list[str]:
    given: list[str] = read("ENCRYPTION_KEYS", fernet_keys, [], secret=True)
    return given or fernet_keys(_kept_or_made("ENCRYPTION_KEYS", folder, _new_fernet_key, make=make))


def _new_fernet_key() -> str:
    return Fernet.generate_key().decode("ascii")


def _kept_or_made(name: str, folder: Path, new: Callable[[], str], *, make: bool) -> str:
    if not make and not (folder / name.lower()).exists():
        raise ImproperlyConfigured(
            f"{name} is missing: a hub whose PUBLIC_URL is https:// makes up no secrets. Set it (docs/deployment.md)"
        )
    return _kept(folder, name.lower(), new)


def _hard_to_guess(value: str) -> str:
    """Raises ValueError for what was left as an example had it, or can be guessed."""
    if len(value) < 32 or len(set(value)) < 10 or value.startswith("django-insecure-"):
        raise ValueError("expected at least 32 random characters")
    return value
