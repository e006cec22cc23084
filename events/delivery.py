"""Sends a batch of notifications: HTTP in threads that touch no database, results stored by the one that does.

Deliveries to one callback host run in a few lanes, one after another on a kept connection. A lane gives back what it
has left for a callback that fails, so that one callback's trouble stays its own (DESIGN promise 7).
"""

import base64
import logging
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

import requests
from django.conf import settings
from django.db import close_old_connections
from django.utils import timezone

from acton_hub import deadline, masking, outbound
from acton_hub.errors import DATABASE_AWAY
from acton_hub.queue import wake
from acton_hub.stopping import stopping
from events import outbox, retry, sessions, signing
from events.models import Delivery
from events.outbox import Outcome

logger = logging.getLogger(__name__)
LANES_A_HOST = 4
SETTLE_PAUSES_S = (0.1, 1.0, 3.0)
BUDGET_S = 5.0  # no new attempt begins after it
WHOLE_S = 20.0  # one attempt, from its beginning to the last byte of the answer
STOP_GRACE_S = 6.0  # how long a stop waits for answers that are still out
MOST_RESPONSE_BYTES = 64 * 1024
# The platform's own hosts, which are gone, count as the hub itself (CONTRACT §3).
PLATFORM_HOSTS = ("api.cloud-elements.com", "api.cloud-elements.io")
OWN_PATHS = ("/elements/api-v2/events", "/events", "/elements/api-v2/events/acton", "/events/acton")


@dataclass(frozen=True)
class Letter:
    """One delivery, made ready to be sent without a database."""

    delivery_id: int
    url: str
    headers: dict[str, str]
    body: bytes
    basic: tuple[str, str] | None


def is_hub_itself(url: str) -> bool:
    """Whether a callback URL leads back to this hub's events API: such events are stored and read there."""
    parts = urlsplit(url)
    if parts.hostname in PLATFORM_HOSTS:
        return True
    own = {urlsplit(settings.PUBLIC_URL).netloc, urlsplit(settings.LOCAL_URL).netloc}
    return parts.netloc in own and parts.path.rstrip("/") in OWN_PATHS


def letter(delivery: Delivery, now: datetime) -> Letter:
    """What an attempt at `now` sends; the body is the same at every attempt."""
    subscription, notification = delivery.subscription, delivery.notification
    instance, body = subscription.instance, notification.body
    keys = instance.signature_keys(now) if instance else []
    headers = signing.headers_for(str(notification.webhook_id), keys[0] if keys else "", body)
    headers |= signing.standard_headers(str(notification.webhook_id), keys, body, now)
    return Letter(
        delivery.pk, subscription.callback_url, headers, body, instance.basic_credentials if instance else None
    )


def send(session: requests.Session, message: Letter) -> Outcome:
    """One attempt. Whatever goes wrong is an outcome, not an exception: it is stored, shown and tried again."""
    started_at, begun = timezone.now(), time.monotonic()

    def outcome(status_code: int | None = None, error: str = "", response: str = "", **more: Any) -> Outcome:
        duration_ms = int((time.monotonic() - begun) * 1000)
        return Outcome(message.delivery_id, started_at, duration_ms, status_code, error, response, **more)

    if is_hub_itself(message.url):
        return outcome(200, response="kept by the hub itself")
    try:
        with deadline.within(WHOLE_S), session.post(
            message.url, data=message.body, headers=message.headers, auth=message.basic,
            timeout=outbound.TIMEOUT_S, stream=True,
        ) as answer:  # fmt: skip
            text = _head_of(answer)
    except outbound.Forbidden as error:
        return outcome(error=str(error))
    except (requests.RequestException, ValueError) as error:
        if isinstance(error, requests.RequestException) and deadline.is_timeout(error):
            return outcome(error="The callback did not answer in time", timed_out=True)
        return outcome(error=f"The callback could not be reached ({type(error).__name__})")
    accepted = 200 <= answer.status_code < 300
    asked_s = retry.asked_pause(answer.status_code, answer.headers.get("Retry-After", ""), started_at)
    words = "" if accepted else f"The callback answered {answer.status_code}"
    return outcome(answer.status_code, words, _without_credentials(text, message.basic), retry_after_s=asked_s)


def _without_credentials(text: str, basic: tuple[str, str] | None) -> str:
    """Answers are stored and shown; some callbacks repeat the request in them."""
    if basic is None or not basic[1]:
        return text
    header = base64.b64encode(":".join(basic).encode()).decode()
    return masking.without([header, basic[1]], text)


def _head_of(answer: requests.Response) -> str:
    """The first 64 KiB of the answer."""
    head = bytearray()
    for chunk in answer.iter_content(8192):
        head += chunk
        if len(head) >= MOST_RESPONSE_BYTES:
            break
    return head[:MOST_RESPONSE_BYTES].decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")


def lanes(letters: list[Letter]) -> list[list[Letter]]:
    """The letters of each callback host, dealt out to a few lanes in their order."""
    by_host: dict[str, list[Letter]] = defaultdict(list)
    for message in letters:
        by_host[urlsplit(message.url).netloc].append(message)
    return [
        lane
        for messages in by_host.values()
        for start in range(LANES_A_HOST)
        if (lane := messages[start::LANES_A_HOST])
    ]


def _attempt(session: requests.Session, message: Letter) -> Outcome:
    """`send`, whose defects are outcomes too: else what met one would be due at once, for ever."""
    try:
        return send(session, message)
    except Exception as defect:
        logger.exception("attempt failed delivery=%s", message.delivery_id)
        return _defect(message.delivery_id, defect)


def _defect(delivery_id: int, defect: Exception) -> Outcome:
    return Outcome(delivery_id, timezone.now(), 0, None, f"The hub failed: {type(defect).__name__}")


def _run_lane(lane: list[Letter], until: float, results: "queue.SimpleQueue[Outcome | None]") -> None:
    """A host that does not answer ends the lane; a callback that refuses, its own turn: others on its host go on."""
    refusing: set[str] = set()
    try:
        with sessions.to(urlsplit(lane[0].url).netloc) as session:
            for message in lane:
                if message.url in refusing:
                    continue
                if time.monotonic() > until or stopping():
                    break
                outcome = _attempt(session, message)
                results.put(outcome)
                if outcome.status_code is None:
                    break
                if not outcome.accepted:
                    refusing.add(message.url)
    finally:
        results.put(None)


def _outcomes(batch_lanes: list[list[Letter]]) -> Iterator[list[Outcome]]:
    """Run the lanes; yields what came in since the last time, until every lane has ended or a stop cannot wait."""
    results: queue.SimpleQueue[Outcome | None] = queue.SimpleQueue()
    until = time.monotonic() + BUDGET_S
    for lane in batch_lanes:
        threading.Thread(target=_run_lane, args=(lane, until, results), daemon=True).start()
    running = len(batch_lanes)
    stop_at = None
    while running:
        collected: list[Outcome] = []
        try:
            item = results.get(timeout=0.2)
            while True:
                if item is None:
                    running -= 1
                else:
                    collected.append(item)
                item = results.get_nowait()
        except queue.Empty:
            pass
        if collected:
            yield collected
        if stopping():
            stop_at = stop_at or time.monotonic() + STOP_GRACE_S
            if time.monotonic() > stop_at:
                return


def _settle(batch: outbox.Batch, outcomes: list[Outcome]) -> None:
    """Store outcomes; a database that is away or locked for a moment is asked again.

    What was accepted and is not stored is sent twice.
    """
    for pause_s in SETTLE_PAUSES_S:
        try:
            return outbox.settle(batch, outcomes)
        except DATABASE_AWAY as error:
            logger.warning("outcomes not stored yet outcomes=%s error=%r", len(outcomes), str(error).strip())
            time.sleep(pause_s)
            close_old_connections()
    return outbox.settle(batch, outcomes)


def _letters(batch: outbox.Batch) -> tuple[list[Letter], list[Outcome]]:
    """What is to be sent; one that cannot be written holds up no other."""
    letters, defects = [], []
    for delivery in batch.deliveries:
        try:
            letters.append(letter(delivery, timezone.now()))
        except Exception as defect:
            logger.exception("delivery cannot be written delivery=%s", delivery.pk)
            defects.append(_defect(delivery.pk, defect))
    return letters, defects


def deliver_batch(holder: str, most: int) -> int:
    """Claim what is due, send it, store how it went; returns how many deliveries were claimed."""
    batch = outbox.claim(holder, most, timezone.now())
    if len(batch.deliveries) == most:  # more may be due: whoever is idle joins at once
        wake("events.tasks.deliver")
    waiting = {delivery.pk for delivery in batch.deliveries}
    letters, defects = _letters(batch)
    try:
        for outcomes in chain([defects] if defects else [], _outcomes(lanes(letters))):
            _settle(batch, outcomes)
            waiting.difference_update(outcome.delivery_id for outcome in outcomes)
    finally:
        outbox.give_back(batch, sorted(waiting))
    return len(batch.deliveries)
