"""A test alert says whether the channels work: from the command line, and from the console."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import User
from alerts import tasks
from alerts.models import Alert, Kind
from tests.alerts.mailbox import Mailbox
from tests.alerts.webhook import told
from tests.receiver import Receiver

pytestmark = pytest.mark.django_db(databases="__all__")


def test_a_test_alert_from_the_command_line_says_how_it_went(user: User, mail: Mailbox, hook: Receiver) -> None:
    said = StringIO()
    call_command("test_alert", stdout=said)
    assert said.getvalue() == "mail: told\nwebhook: told\n"
    assert mail.subjects == ["[Acton Hub] test began: Test"]
    assert told(hook) == [(Kind.TEST, "began")]
    hook.answers[:] = [404]
    wrong = StringIO()
    with pytest.raises(CommandError):
        call_command("test_alert", stdout=said, stderr=wrong)
    assert "The callback answered 404" in wrong.getvalue()
    assert not Alert.objects.exists()


def test_a_test_alert_needs_a_channel(user: User) -> None:
    with pytest.raises(CommandError, match="ALERT_EMAIL"):
        call_command("test_alert")


def test_a_test_alert_from_the_console(user: User, client: Client, hook: Receiver) -> None:
    client.force_login(user)
    assert "Send a test alert" in client.get("/console/alerts").content.decode()
    client.post("/console/alerts/test")
    tasks.look()
    assert told(hook) == [(Kind.TEST, "began")]
    page = client.get("/console/alerts").content.decode()
    assert "began by webhook" in page
    assert hook.url.rpartition("/")[0].removeprefix("http://") in page  # where to, without what may be a secret
    assert "/events" not in page.partition("<main")[2].partition("Past")[0]
