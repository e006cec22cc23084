"""`LOG_FORMAT=json`: lines for programs, that tie a story together by the ids in them."""

import json
import logging
import sys
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from acton_hub.log import JSONLines


def line(message: str, *args: Any, exc_info: Any = None) -> Any:
    record = logging.LogRecord("polling.driver", logging.WARNING, __file__, 1, message, args, exc_info)
    text = JSONLines().format(record)
    assert "\n" not in text
    return json.loads(text)


def test_the_ids_of_a_message_stand_apart() -> None:
    shown = line("poll failed poll=%s instance=%s error=%r", 7, 3, "HTML: it's <b>down</b>, says Act-On")
    assert (shown["level"], shown["logger"]) == ("WARNING", "polling.driver")
    assert (shown["poll"], shown["instance"]) == ("7", "3")
    assert shown["error"] == "HTML: it's <b>down</b>, says Act-On"
    assert shown["message"].startswith("poll failed poll=7")


def test_a_pair_never_replaces_what_every_line_has() -> None:
    assert line("refused level=%s time=%s", "low", "now")["level"] == "WARNING"


def test_a_traceback_stays_in_its_line() -> None:
    try:
        raise ValueError("planted")
    except ValueError:
        assert "ValueError: planted" in line("failed", exc_info=sys.exc_info())["traceback"]


@given(st.text())
def test_whatever_is_logged_is_one_line_of_json(text: str) -> None:
    assert line("%s", text)["message"] == text
