"""A multipart body that is read as it is sent: a file of any size takes no more memory than one piece of it."""

import secrets
from collections.abc import Iterator
from typing import Any

from django.core.files.uploadedfile import UploadedFile

PIECE = 64 * 1024


class Upload:
    """Fields and at most one file, as `multipart/form-data`. requests reads it by `read` and asks for its length."""

    def __init__(self, fields: dict[str, str], file: "UploadedFile[Any] | None") -> None:
        self._boundary = secrets.token_hex(16)
        self.content_type = f"multipart/form-data; boundary={self._boundary}"
        head = b"".join(self._field(name, value) for name, value in fields.items())
        tail = f"--{self._boundary}--\r\n".encode()
        if file is not None:
            name = _within_quotes(file.name or "upload.csv")
            head += self._header(f'form-data; name="file"; filename="{name}"', "text/csv")
            tail = b"\r\n" + tail
        self._length = len(head) + (file.size or 0 if file is not None else 0) + len(tail)
        self._pieces = self._read(head, file, tail)
        self._rest = b""

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        """Not called: that there is such a method tells requests to stream."""
        while piece := self.read(PIECE):
            yield piece

    def read(self, size: int = -1) -> bytes:
        """The next `size` bytes, or all that is left; empty at the end."""
        while size < 0 or len(self._rest) < size:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._rest += piece
        found, self._rest = (self._rest, b"") if size < 0 else (self._rest[:size], self._rest[size:])
        return found

    def _read(self, head: bytes, file: "UploadedFile[Any] | None", tail: bytes) -> Iterator[bytes]:
        yield head
        if file is not None:
            yield from file.chunks(PIECE)
        yield tail

    def _header(self, disposition: str, content_type: str = "") -> bytes:
        kind = f"Content-Type: {content_type}\r\n" if content_type else ""
        return f"--{self._boundary}\r\nContent-Disposition: {disposition}\r\n{kind}\r\n".encode()

    def _field(self, name: str, value: str) -> bytes:
        return self._header(f'form-data; name="{_within_quotes(name)}"') + value.encode() + b"\r\n"


def _within_quotes(name: str) -> str:
    """As browsers write a name that stands between quotes, so that it ends neither them nor the line."""
    return name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
