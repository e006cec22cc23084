from collections.abc import Iterator
from typing import Any

import pytest

from tests.alerts.mailbox import Mailbox, mailbox
from tests.receiver import Receiver


@pytest.fixture
def mail(settings: Any) -> Iterator[Mailbox]:
    """A mail server, and the hub set up to tell operators by it."""
    with mailbox() as box:
        settings.EMAIL_BACKEND = (
            "django.core.mail.backends.smtp.EmailBackend"  # the test runner's keeps mails to itself
        )
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", box.port
        settings.ALERT_EMAIL = ["ops@example.com", "boss@example.com"]
        yield box


@pytest.fixture
def hook(receiver: Receiver, settings: Any) -> Receiver:
    """A receiver of alerts by webhook."""
    settings.ALERT_WEBHOOK_URL = receiver.url
    return receiver
