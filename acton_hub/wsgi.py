"""What a WSGI server calls; `manage.py web` does."""

import io
import os
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from gunicorn.http.errors import ParseException

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "acton_hub.settings")
PIECE = 64 * 1024
Environ = dict[str, Any]
App = Callable[[Environ, Any], Iterable[bytes]]


def with_length(app: App) -> App:
    """Give a body that comes in chunks, without a length, its length: Django takes it for no body at all.

    Forms with files, which are streamed, must tell theirs. One byte beyond the limit is enough to be refused.
    """

    def measured(environ: Environ, start_response: Any) -> Iterable[bytes]:
        if "chunked" not in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
            return app(environ, start_response)
        if environ.get("CONTENT_TYPE", "").lower().startswith("multipart/"):
            text = b'{"message": "A form must tell its Content-Length."}'
            status = HTTPStatus.LENGTH_REQUIRED
            headers = [("Content-Type", "application/json"), ("Content-Length", str(len(text)))]
            start_response(f"{status.value} {status.phrase}", headers)
            return [text]
        whole = io.BytesIO()
        length = _copy(environ["wsgi.input"], whole, settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        whole.seek(0)
        return app(environ | {"wsgi.input": whole, "CONTENT_LENGTH": str(length)}, start_response)

    return measured


def _copy(source: Any, target: Any, most: int) -> int:
    """Copy at most `most` bytes; returns how many, and one more where it broke off."""
    length = 0
    try:
        while length < most and (piece := source.read(min(PIECE, most - length))):
            length += target.write(piece)
    except (OSError, ParseException):
        return length + 1
    return length


def without_body_for_head(app: App) -> App:
    """Django answers HEAD with the body of GET; gunicorn, which is to drop it, warns of each."""

    def answered(environ: Environ, start_response: Any) -> Iterable[bytes]:
        body = app(environ, start_response)
        if environ["REQUEST_METHOD"] != "HEAD":
            return body
        close = getattr(body, "close", None)
        if close is not None:
            close()
        return []

    return answered


application = without_body_for_head(with_length(get_wsgi_application()))
