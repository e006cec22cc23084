"""What the receiver of alerts by webhook got."""

import json

from tests.receiver import Receiver


def told(hook: Receiver) -> list[tuple[str, str]]:
    """Kind and moment of everything that the webhook got."""
    return [
        (alert["kind"], alert["moment"])
        for each in hook.received
        for alert in json.loads(each.body)["alerts"]
    ]  # fmt: skip
