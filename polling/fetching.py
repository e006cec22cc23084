"""Reads a set whole although it moves while its pages are read (DESIGN promise 4). No database, no clock.

Offsets shift when records come or go. So each page is read one record early and must hold one of the records that
ended the page before, unchanged: whatever was unread stood behind that record, and still does. Where none is there,
reading steps back a page; repeats are free. (A record that did change is no landmark: its place may be a new one.
What changed while the pages were read is brought by the next poll.)
"""

import hashlib
import json
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from elements.acton.exceptions import ActOnError
from elements.acton.resources import MOST_A_PAGE, Access, Page, Record

TRIES = 3
LANDMARKS = 20


@dataclass(frozen=True)
class Call:
    """One call to be made: by whoever drives the poll, in whichever thread, once it is reserved."""

    fetch: Callable[[Access], Page]


Reading = Generator[Call, Page, None]
FetchPage = Callable[[Access, int, int], Page]  # access, offset, count
OnPage = Callable[[list[Record], bool], bool | None]  # a page's records, whether they are the last; True: enough


class SetKeptMoving(ActOnError):
    """The pages could not be joined; what they held is stored, and the position stays."""


@dataclass
class Bookmark:
    """Where reading goes on: at which offset, and the fingerprints of the records that ended what was read."""

    offset: int = 0
    landmarks: set[str] = field(default_factory=set)


def fingerprint(record: Record) -> str:
    return hashlib.blake2b(json.dumps(record, sort_keys=True).encode(), digest_size=16).hexdigest()


def unread(records: list[Record], bookmark: Bookmark) -> list[Record]:
    """The page's records without those that ended the page before, as long as `bookmark` stands there.

    Where reading stepped back a page, more than these were read before.
    """
    return [record for record in records if fingerprint(record) not in bookmark.landmarks]


def read_whole(fetch: FetchPage, on_page: OnPage, bookmark: Bookmark, *, count: int = MOST_A_PAGE) -> Reading:
    """Every record of the set, page by page; `bookmark` is moved on after `on_page` took a page.

    `on_page` gets the records of each page, the last time with True; where it answers True, no more is read.
    Raises SetKeptMoving after three tries to join two pages, ActOnError for a page that ends before the announced
    total.
    """
    tries = 0
    offset = furthest = bookmark.offset
    while True:
        page = yield Call(lambda access, offset=offset: fetch(access, offset, count))  # type: ignore[misc]
        if offset and not _joins(page, bookmark):
            tries += 1
            if tries >= TRIES:
                raise SetKeptMoving(f"The records kept moving while they were read (offset {offset}, {TRIES} tries)")
            offset = max(0, offset - (count - 1))
            continue
        end = offset + len(page.records)
        last = end >= page.total
        if not last and len(page.records) < (2 if offset else 1):
            raise ActOnError(f"Act-On announced {page.total} records, but none come behind {end}", status=200)
        if on_page(page.records, last) or last:
            return
        offset = bookmark.offset = end - 1
        bookmark.landmarks = {fingerprint(record) for record in page.records[-LANDMARKS:]}
        if end > furthest:
            tries, furthest = 0, end


def _joins(page: Page, bookmark: Bookmark) -> bool:
    return not bookmark.landmarks.isdisjoint(fingerprint(record) for record in page.records)
