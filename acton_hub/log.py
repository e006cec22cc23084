"""Log lines, plain or as JSON for whatever collects them (`LOG_FORMAT=json`), each with the request it belongs to.

Our messages are words and name=value pairs, `poll failed poll=7 instance=3 error='...'`: the ids tie a story together.
"""

import json
import logging
import re
from contextvars import ContextVar
from datetime import UTC, datetime

from acton_hub import masking

_PAIR = re.compile(r"(?<![\w.])([a-z_]+)=('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|\S+)")
# Set while a request is answered: whatever is logged meanwhile, by whichever module, names it.
request_id: ContextVar[str] = ContextVar("request_id", default="")


def _message(record: logging.LogRecord) -> str:
    """The message with its request, and without the values of masked fields."""
    message = record.getMessage()
    if (known := request_id.get()) and "request_id=" not in message:
        message = f"{message} request_id={known}"
    return masking.in_words(message)


class Lines(logging.Formatter):
    """Time, level, logger, message; a traceback below."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        record.message = _message(record)
        return super().formatMessage(record)

    def formatException(self, ei: object) -> str:  # noqa: N802 - logging's name
        return masking.in_words(super().formatException(ei))  # type: ignore[arg-type]


class JSONLines(logging.Formatter):
    """One object a line: time (UTC), level, logger, message, and each name=value pair of the message by its name."""

    def format(self, record: logging.LogRecord) -> str:
        message = _message(record)
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": message,
        }
        for name, value in _PAIR.findall(message):
            line.setdefault(name, value[1:-1] if value[0] in "'\"" and len(value) > 1 else value)
        if record.exc_info:
            line["traceback"] = masking.in_words(self.formatException(record.exc_info))
        return json.dumps(line)
