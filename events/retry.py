"""When a failed delivery is tried again (CONTRACT §6: failure policy `retry`). Pure."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

MOST_RETRIES = 9
LONGEST = timedelta(seconds=2 ** (2 * MOST_RETRIES))
MOST_DIGITS = 9  # of a Retry-After in seconds


def pause_after(failures: int) -> timedelta | None:
    """How long after the `failures`-th failure in a row the next attempt is due: 4 s, 16 s, ... about 73 h.

    None: there is no further retry.
    """
    if not 1 <= failures <= MOST_RETRIES:
        return None
    return timedelta(seconds=2 ** (2 * failures))


def asked_pause(status_code: int, retry_after: str, now: datetime) -> float:
    """Seconds that the answer's Retry-After asks for: a number of them or a date (RFC 9110 §10.2.3).

    0 where it asks for nothing, or for what cannot be read, or with another status than 429 and 503.
    """
    text = retry_after.strip()
    if status_code not in (429, 503) or not text:
        return 0.0
    if text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS:
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    return max(0.0, ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds())
