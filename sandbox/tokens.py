"""Codes and tokens of the simulated Act-On: one-time codes, rotation, and when a token dies.

Lifetimes are measured by the true clock; an account's clock offset moves its dates only.
"""

from django.db import transaction

from sandbox.clock import DAY_MS, MINUTE_MS, SECOND_MS, now_ms
from sandbox.models import DATABASE, Account, Application, AuthorizationCode, TokenPair

CODE_LIFETIME_MS = 10 * MINUTE_MS
REFRESH_LIFETIME_MS = 30 * DAY_MS
KEPT_PAIRS = 20


class Refused(Exception):
    """A token call that is refused, with Act-On's status and words."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.error = error
        self.description = description


def bad_client() -> Refused:
    return Refused(401, "access_denied", "Unauthorized")


def bad_grant(description: str) -> Refused:
    return Refused(403, "invalid_grant", description)


def issue_code(account: Account, client_id: str, redirect_uri: str) -> str:
    """A new one-time code for that API key and redirect address."""
    with transaction.atomic(using=DATABASE):
        AuthorizationCode.objects.filter(expires_ms__lt=now_ms() - DAY_MS).delete()
        return AuthorizationCode.objects.create(
            account=account, client_id=client_id, redirect_uri=redirect_uri, expires_ms=now_ms() + CODE_LIFETIME_MS
        ).code


def _application(client_id: str, secret: str) -> Application:
    """The application with that key, remembered with its secret when it is new. Raises Refused."""
    application, _made = Application.objects.get_or_create(client_id=client_id, defaults={"secret": secret})
    if application.secret != secret:
        raise bad_client()
    return application


def check_client(client_id: str, secret: str) -> None:
    """Raises Refused for a missing key or secret, and for a known key with another secret."""
    known = Application.objects.filter(client_id=client_id).first()
    if not client_id or not secret or (known is not None and known.secret != secret):
        raise bad_client()


def redeem_code(client_id: str, secret: str, code: str, redirect_uri: str) -> TokenPair:
    """Tokens for a one-time code. Raises Refused; the code is spent only where tokens are given."""
    with transaction.atomic(using=DATABASE):
        row = AuthorizationCode.objects.select_related("account").filter(code=code).first()
        if row is None or row.client_id != client_id:
            raise bad_grant("The authorization code is not known")
        if row.spent:
            raise bad_grant("The authorization code was used before")
        if row.expires_ms <= now_ms():
            raise bad_grant("The authorization code has expired")
        if row.redirect_uri != redirect_uri:
            raise bad_grant("The redirect address is not the one that the code was made for")
        pair = issue(_application(client_id, secret), row.account)
        row.spent = True
        row.save(update_fields=["spent"])
        return pair


def refresh(client_id: str, secret: str, refresh_token: str) -> TokenPair:
    """A new pair for a refresh token. Raises Refused.

    Unless the account is strict, the token that a pair was made from is honoured again until that pair is first used,
    so that a client may ask once more when the answer was lost.
    """
    with transaction.atomic(using=DATABASE):
        application = _application(client_id, secret)
        pair = (
            TokenPair.objects.select_related("account")
            .filter(application=application, refresh_token=refresh_token)
            .first()
        )
        if pair is None or not _refreshable(pair):
            raise bad_grant("The refresh token is not valid")
        return issue(application, pair.account, rotated_from=pair)


def _refreshable(pair: TokenPair) -> bool:
    if pair.refresh_expires_ms <= now_ms():
        return False
    if pair.live:
        return True
    if pair.account.strict_refresh:
        return False
    return TokenPair.objects.filter(live=True, used=False, rotated_from=pair).exists()


def log_in(client_id: str, secret: str, account: Account) -> TokenPair:
    """Tokens for the password grant, whose password the caller has checked. Raises Refused."""
    with transaction.atomic(using=DATABASE):
        return issue(_application(client_id, secret), account)


def issue(application: Application, account: Account, rotated_from: TokenPair | None = None) -> TokenPair:
    """A new pair; the one that was live dies, its access token at once. Call it in a transaction."""
    pairs = TokenPair.objects.filter(application=application, account=account)
    pairs.filter(live=True).update(live=False)
    now = now_ms()
    pair = TokenPair.objects.create(
        application=application,
        account=account,
        access_expires_ms=now + account.access_lifetime_s * SECOND_MS,
        refresh_expires_ms=now + REFRESH_LIFETIME_MS,
        rotated_from=rotated_from,
    )
    old = list(pairs.order_by("-pk").values_list("pk", flat=True)[KEPT_PAIRS:])
    if old:
        TokenPair.objects.filter(pk__in=old).delete()
    return pair


def pair_of(access_token: str) -> TokenPair | None:
    """The pair that an access token belongs to, dead ones included."""
    return TokenPair.objects.select_related("account").filter(access_token=access_token).first()


def works(pair: TokenPair) -> bool:
    """Whether the access token of that pair is accepted now."""
    return pair.live and pair.access_expires_ms > now_ms()


def expire(account: Account, *, access: bool, refresh_too: bool) -> int:
    """Let the account's live tokens expire; returns how many pairs that were."""
    fields = ({"access_expires_ms": 0} if access else {}) | ({"refresh_expires_ms": 0} if refresh_too else {})
    live = TokenPair.objects.filter(account=account, live=True)
    return live.update(**fields) if fields else 0
