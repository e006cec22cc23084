"""What the queue calls."""

import logging

from django.utils import timezone

from elements.acton import connections
from elements.acton.exceptions import ActOnError
from elements.models import Connection

logger = logging.getLogger(__name__)
MOST_A_TASK = 20


def keep_tokens_alive() -> None:
    """Refresh what was not refreshed for 20 days, disabled instances included: a refresh token dies after a month."""
    now = timezone.now()
    for connection in Connection.objects.refresh_due(now - connections.KEEP_ALIVE, now)[:MOST_A_TASK]:
        try:
            connections.access_token(connection.pk, refused=connection.access_token)
        except ActOnError as error:
            logger.warning("keeping a token alive failed connection=%s error=%r", connection.pk, str(error))
