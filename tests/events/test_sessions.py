"""Connections to callbacks are kept from batch to batch, and nothing else is."""

from contextlib import ExitStack

import pytest
import requests

from acton_hub import outbound
from events import sessions
from tests.receiver import Receiver

HOST = "a.example"


@pytest.fixture(autouse=True)
def none_kept() -> None:
    sessions.close_idle()


def post(receiver: Receiver, host: str = HOST) -> int:
    """The sender's port."""
    with sessions.to(host) as session:
        session.post(receiver.url, data=b"{}").raise_for_status()
    return receiver.received[-1].port


def test_the_next_one_to_the_same_host_finds_an_open_connection(receiver: Receiver) -> None:
    assert post(receiver) == post(receiver)
    assert post(receiver) != post(receiver, "b.example")
    sessions.close_idle()
    first = receiver.received[-1].port
    assert post(receiver, "b.example") != first


def test_two_at_a_time_have_a_session_each(receiver: Receiver) -> None:
    post(receiver)
    with sessions.to(HOST) as one, sessions.to(HOST) as other:
        assert one is not other


def test_what_failed_and_what_idled_is_not_used_again(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    first = post(receiver)
    with pytest.raises(ZeroDivisionError), sessions.to(HOST):
        raise ZeroDivisionError
    second = post(receiver)
    assert second != first
    monkeypatch.setattr(sessions, "KEPT_S", 0.0)
    assert post(receiver) != second


def test_no_more_than_so_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MOST_KEPT", 3)

    def of_eight_hosts() -> list[requests.Session]:
        with ExitStack() as held:
            return [held.enter_context(sessions.to(str(number))) for number in range(8)]

    pairs = zip(of_eight_hosts(), of_eight_hosts(), strict=True)
    assert sum(before is after for before, after in pairs) == 3


def test_a_cookie_of_one_customers_callback_reaches_no_other(receiver: Receiver) -> None:
    receiver.headers = {"Set-Cookie": "session=of-the-first; Path=/"}
    with outbound.session() as session:
        session.post(receiver.url, data=b"{}")
        session.post(receiver.url, data=b"{}")
    assert "Cookie" not in receiver.received[-1].headers
