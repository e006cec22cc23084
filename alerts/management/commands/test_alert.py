from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import Organization
from alerts import channels, telling
from alerts.models import Message


class Command(BaseCommand):
    help = "Send a test alert by each channel that is set up (ALERT_EMAIL, ALERT_WEBHOOK_URL), and say how it went."

    def handle(self, *args: Any, **options: Any) -> None:
        organization = Organization.objects.order_by("pk").first()
        if organization is None:
            raise CommandError("There is no organization yet. `make run` makes the first one.")
        if not channels.in_use():
            raise CommandError("No channel is set up: set ALERT_EMAIL or ALERT_WEBHOOK_URL (see .env.example).")
        now = timezone.now()
        alert, failed = telling.test_of(organization, now), False
        for channel in channels.in_use():
            message = Message(pk=0, alert=alert, channel=channel, moment=Message.Moment.BEGAN, next_attempt_at=now)
            try:
                channels.send(channel, [message])
            except channels.NotTold as error:
                self.stderr.write(f"{channel}: {error}")
                failed = True
            else:
                self.stdout.write(f"{channel}: told")
        if failed:
            raise CommandError("Not every channel took it.")
