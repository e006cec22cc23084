"""The second factor of a log-in: codes of an authenticator app (TOTP, RFC 6238), and recovery codes for a lost one.

Seeds are encrypted at rest. Recovery codes have 80 random bits, so that their hashes, all that is kept, need no key.
"""

import base64
import hashlib
import hmac
import secrets
from datetime import datetime
from urllib.parse import urlsplit

import pyotp
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.models import TwoFactor, User

DRIFT_STEPS = 1  # of 30 s, that a phone's clock may be off
RECOVERY_CODES = 10


def of(user: User) -> TwoFactor | None:
    """The user's second factor, where one is switched on."""
    return TwoFactor.objects.filter(user=user, confirmed_at__isnull=False).first()


def pending(user: User) -> TwoFactor | None:
    """The one that was begun and not confirmed yet."""
    return TwoFactor.objects.filter(user=user, confirmed_at=None).first()


def begin(user: User) -> None:
    """A new seed, to be confirmed. One that is switched on stays as it is."""
    if of(user) is None:
        TwoFactor.objects.update_or_create(user=user, defaults={"seed": pyotp.random_base32(), "last_step": 0})


def address(factor: TwoFactor) -> str:
    """The `otpauth:` address that an app reads out of the QR code; it names this hub and the user."""
    issuer = f"Acton Hub ({urlsplit(settings.PUBLIC_URL).netloc})"
    return pyotp.TOTP(factor.seed).provisioning_uri(name=factor.user.email, issuer_name=issuer)


def confirm(user: User, code: str) -> list[str] | None:
    """Switch on the one that was begun, if the code is right; returns its recovery codes, shown this once."""
    factor = pending(user)
    if factor is None or not _take_code(factor, code, timezone.now()):
        return None
    TwoFactor.objects.filter(pk=factor.pk).update(confirmed_at=timezone.now())
    return new_recovery_codes(factor)


def new_recovery_codes(factor: TwoFactor) -> list[str]:
    """Make new ones; those before are good no more."""
    codes = [_grouped(base64.b32encode(secrets.token_bytes(10)).decode().lower()) for _ in range(RECOVERY_CODES)]
    hashes = [_hash(factor, code) for code in codes]
    TwoFactor.objects.filter(pk=factor.pk).update(recovery_hashes=hashes)
    return codes


def _grouped(code: str) -> str:
    return "-".join(code[start : start + 4] for start in range(0, len(code), 4))


def _hash(factor: TwoFactor, code: str) -> str:
    plain = "".join(character for character in code.lower() if character.isalnum())
    return hashlib.sha256(f"acton-hub recovery\0{factor.user_id}\0{plain}".encode()).hexdigest()


def is_right(factor: TwoFactor, code: str) -> bool:
    """Whether that is a code of the app, or a recovery code. Either is good once."""
    return _take_code(factor, code, timezone.now()) or _take_recovery_code(factor, code)


def _take_code(factor: TwoFactor, code: str, now: datetime) -> bool:
    """One conditional update, so that of two who bring the same code at the same instant one is refused."""
    given = "".join(code.split())
    if len(given) != 6 or not given.isascii():
        return False
    totp = pyotp.TOTP(factor.seed)
    here = totp.timecode(now)
    for step in range(here - DRIFT_STEPS, here + DRIFT_STEPS + 1):
        if hmac.compare_digest(totp.generate_otp(step), given):
            return bool(TwoFactor.objects.filter(pk=factor.pk, last_step__lt=step).update(last_step=step))
    return False


def _take_recovery_code(factor: TwoFactor, code: str) -> bool:
    with transaction.atomic():
        kept = TwoFactor.objects.select_for_update().filter(pk=factor.pk).first()
        given = _hash(factor, code)
        if kept is None or given not in kept.recovery_hashes:
            return False
        kept.recovery_hashes.remove(given)
        kept.save(update_fields=["recovery_hashes"])
    return True


def switch_off(user: User) -> bool:
    """Forget the user's second factor; returns whether there was one."""
    return bool(TwoFactor.objects.filter(user=user).delete()[0])
