import logging

from django.db import DatabaseError, connections

from acton_hub.models import Heartbeat

logger = logging.getLogger(__name__)


def heartbeat(cluster: str) -> None:
    """Run by a worker of `cluster` (see acton_hub.queue.Heart). A database that refuses is no fault of the cluster."""
    try:
        Heartbeat.objects.beat(cluster)
    except DatabaseError as error:
        logger.warning("heartbeat not stored cluster=%s error=%s", cluster, str(error).strip())
        connections.close_all()
