"""When a failed delivery is tried again (CONTRACT §6: failure policy `retry`). Pure."""

from datetime import timedelta

MOST_RETRIES = 9


def pause_after(failures: int) -> timedelta | None:
    """How long after the `failures`-th failure in a row the next attempt is due: 4 s, 16 s, ... about 73 h.

    None: there is no further retry.
    """
    if not 1 <= failures <= MOST_RETRIES:
        return None
    return timedelta(seconds=2 ** (2 * failures))
