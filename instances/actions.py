"""What can be done to an instance from API and pages alike."""

from django.db import transaction

from instances.models import Instance


@transaction.atomic
def set_paused(instance: Instance, paused: bool) -> None:
    """Let polling rest, or go on from the old position. Unlike a disabled one it serves its callers."""
    instance.paused = paused
    instance.save(update_fields=["paused"])


@transaction.atomic
def set_enabled(instance: Instance, enabled: bool) -> None:
    """Disable or enable. A disabled instance is not polled; enabling resumes the old position (CONTRACT §3)."""
    instance.disabled = not enabled
    instance.save(update_fields=["disabled"])


def is_gone(instance_id: int | None) -> bool:
    """Whether it was deleted: after a statement that failed, since its instance had been looked up before."""
    return instance_id is not None and not Instance.objects.filter(pk=instance_id).exists()
