"""By mail, and by webhook to the operators' own address: how messages leave the hub (settings ALERT_*)."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage

from acton_hub import outbound
from alerts.models import Alert, Kind, Message
from events import delivery

Messages = Sequence[Message]


class NotTold(Exception):
    """The channel did not take the messages; the text says why, without a secret."""


def in_use() -> list[Message.Channel]:
    """The channels that are set up."""
    found = [Message.Channel.MAIL] if settings.ALERT_EMAIL else []
    return found + ([Message.Channel.WEBHOOK] if settings.ALERT_WEBHOOK_URL else [])


def addresses(channel: str) -> str:
    """Where a channel leads, for people; of a webhook the host alone, since the rest may be a secret."""
    if channel == Message.Channel.MAIL:
        return ", ".join(settings.ALERT_EMAIL)
    return urlsplit(settings.ALERT_WEBHOOK_URL).netloc


def send(channel: str, messages: Messages) -> None:
    """Tell all of these at once, oldest first. Raises NotTold."""
    senders[Message.Channel(channel)](messages)


def identity(messages: Messages) -> str:
    """The same for the same messages, so that a receiver notices what comes twice after a crash."""
    return f"alerts-{messages[0].pk}-{messages[-1].pk}-{len(messages)}"


def headline(messages: Messages) -> str:
    """One line: what began or ended where it is one, else how many."""
    if len(messages) == 1:
        message = messages[0]
        about = message.alert.instance.name if message.alert.instance else message.alert.organization.name
        return " ".join(f"{message.alert.kind} {message.moment}: {about}".split())
    numbers = [(sum(each.moment == moment for each in messages), moment) for moment in Message.Moment]
    return ", ".join(f"{number} alert{'s' * (number > 1)} {moment}" for number, moment in numbers if number)


def line(message: Message) -> str:
    alert = message.alert
    if message.moment == Message.Moment.BEGAN:
        return f"{_iso(alert.began_at)} {alert.kind} began: {alert.text}"
    return f"{_iso(alert.ended_at)} {alert.kind} ended, since {_iso(alert.began_at)} it was: {alert.text}"


def _iso(moment: datetime | None) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if moment else ""


def link(alert: Alert) -> str:
    if alert.instance_id and alert.kind != Kind.TEST:
        return f"{settings.PUBLIC_URL}/console/instances/{alert.instance_id}"
    return f"{settings.PUBLIC_URL}/console/alerts"


def by_mail(messages: Messages) -> None:
    body = "\n\n".join(f"{line(message)}\n{link(message.alert)}" for message in messages)
    mail = EmailMessage(
        f"[Acton Hub] {headline(messages)}",
        f"{body}\n\nAll alerts: {settings.PUBLIC_URL}/console/alerts\n",
        settings.ALERT_FROM,
        settings.ALERT_EMAIL,
        headers={
            "Message-ID": f"<{identity(messages)}@{settings.ALERT_FROM.rpartition('@')[2].rstrip('>')}>",
            "Auto-Submitted": "auto-generated",
        },
    )
    try:
        mail.send()
    except OSError as error:  # every exception of smtplib is one
        raise NotTold(f"The mail server did not take it: {type(error).__name__}: {error}") from error


def by_webhook(messages: Messages) -> None:
    """`text` alone is what chat programs show; the rest is for programs."""
    body = {
        "text": f"Acton Hub: {headline(messages)}\n" + "\n".join(line(message) for message in messages),
        "alerts": [_as_json(message) for message in messages],
    }
    headers = {"Content-Type": "application/json", "webhook-id": identity(messages)}
    letter = delivery.Letter(0, settings.ALERT_WEBHOOK_URL, headers, json.dumps(body).encode(), None)
    with outbound.session() as session:
        outcome = delivery.send(session, letter)
    if not outcome.accepted:
        raise NotTold(outcome.error)


def _as_json(message: Message) -> dict[str, object]:
    alert = message.alert
    return {
        "id": alert.pk,
        "moment": message.moment,
        "kind": alert.kind,
        "text": alert.text,
        "organization": alert.organization.name,
        "instanceId": alert.instance_id,
        "beganAt": _iso(alert.began_at),
        "endedAt": _iso(alert.ended_at) or None,
        "url": link(alert),
    }


senders: dict[Message.Channel, Callable[[Messages], None]] = {
    Message.Channel.MAIL: by_mail,
    Message.Channel.WEBHOOK: by_webhook,
}
