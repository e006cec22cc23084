"""When a failed delivery is tried again (CONTRACT §6: failure policy `retry`). Pure."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

MOST_RETRIES = 9
LONGEST = timedelta(seconds=2 ** (2 * MOST_RETRIES))
# A callback that fails rests between two attempts, whatever is due for it, or a backlog would be spent on it at full
# speed. Long enough to cost nothing, short enough to notice at once that it works again.
LEAST_REST, MOST_REST = timedelta(seconds=1), timedelta(seconds=4)
REST_SHARE = 16  # of the time for which it has failed so far: one in so many
MOST_DIGITS = 9  # of a Retry-After in seconds


def pause_after(failures: int) -> timedelta | None:
    """How long after the `failures`-th failure in a row the next attempt is due: 4 s, 16 s, ... about 73 h.

    None: there is no further retry.
    """
    if not 1 <= failures <= MOST_RETRIES:
        return None
    return timedelta(seconds=2 ** (2 * failures))


def rest_after(failing_for: timedelta) -> timedelta:
    """How long a callback rests that has accepted nothing for so long, and failed again just now.

    Never longer than the pause of the delivery that failed, so that a lone one keeps to its times.
    """
    return min(max(failing_for / REST_SHARE, LEAST_REST), MOST_REST)


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
    except (ValueError, OverflowError):
        return 0.0
    return max(0.0, ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds())
