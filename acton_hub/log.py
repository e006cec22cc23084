"""Log lines as JSON, for whatever collects them: `LOG_FORMAT=json`."""

import json
import logging
import re
from datetime import UTC, datetime

# Our messages are words and name=value pairs: `poll failed poll=7 instance=3 error='...'`.
_PAIR = re.compile(r"(?<![\w.])([a-z_]+)=('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|\S+)")


class JSONLines(logging.Formatter):
    """One object a line: time (UTC), level, logger, message, and each name=value pair of the message by its name."""

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": message,
        }
        for name, value in _PAIR.findall(message):
            line.setdefault(name, value[1:-1] if value[0] in "'\"" and len(value) > 1 else value)
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)
