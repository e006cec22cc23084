"""What can go wrong at Act-On, in the few kinds that callers tell apart."""

MOST_RETRY_AFTER_S = 86_400.0  # who asks for longer, or for what no calendar holds, is asked again after a day


class ActOnError(Exception):
    """Act-On could not be asked, or its answer cannot be used. Worth another try later.

    `provider_message` holds Act-On's own words, shortened, where there are any.
    """

    def __init__(self, message: str, *, status: int | None = None, provider_message: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.provider_message = provider_message

    def __str__(self) -> str:
        return f"{self.message}: {self.provider_message}" if self.provider_message else self.message


class Refused(ActOnError):
    """Act-On refuses the request itself (400, 403, 404, ...); the same request will be refused again."""


class Unauthorized(ActOnError):
    """The access token is not (or no longer) accepted."""


class NeedsAuthentication(ActOnError):
    """Code, refresh token or client credentials are refused: only a person can help."""


class SlotMissed(ActOnError):
    """The hub was held up past the call's reserved moment and did not make the call: it needs another moment."""


class Throttled(ActOnError):
    """Too many calls, by Act-On's answer or by our own count. `retry_after` is in seconds, a day at most."""

    def __init__(
        self, message: str, *, retry_after: float, status: int | None = None, provider_message: str = ""
    ) -> None:
        super().__init__(message, status=status, provider_message=provider_message)
        self.retry_after = min(retry_after, MOST_RETRY_AFTER_S)
