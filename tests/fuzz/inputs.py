"""Inputs that are made to hurt: nearly right, too long, too deep, of another alphabet, or of no sense at all."""

import json
from typing import Any

from hypothesis import strategies as st

NASTY = [
    "", " ", "\0", "\n", "'", '"', "\\", "`", "%", "${", "}", "{", "[", "]", "(", ")", "/", "//", "..", ":", "::", "#",
    "?", "&", "=", ";", ",", "|", "-", "+", "0", "-0", "00", "1e999", "-1e999", "NaN", "Infinity", "true", "null",
    "9" * 400, "٣", "²", "①", "\u202e", "\ufeff", "\u200b", "ﬀ", "İ", "ß", "😀", "e\u0301", "<script>", "<a", "&#0;",
    "' OR 1=1 --", "%00", "%2e%2e", "{{7*7}}", "${jndi:x}", "a" * 3000, "(" * 300, "[" * 3000, "{\"a\":" * 500,
    "9999-12-31T23:59:59Z", "0000-00-00", "2026-02-30", "253402300800000", "-1", "99999999999999999999",
]  # fmt: skip
SEEDS = [
    "a = 'b' AND (c LIKE '%d%' OR e IN (1, 2)) AND NOT f IS NULL", "`x y` <> -1.5 OR z >= '2026-01-01'",
    "/hubs/marketing/lists/{listId}/contacts?where=modafter='${epoch}'",
    "${dateTimeZone:Europe/Berlin:yyyy-MM-dd'T'HH}",
    "yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "EEE, dd MMM yyyy HH:mm:ss Z", "2026-11-24T10:11:12.345+01:00",
    "Tue, 24 Nov 2026 10",
    "contacts|/lists/l-1/contacts||__modified_date|milliseconds|UTC|__created_date|seconds|+01:00",
    "https://user@example.com:8443/a?b#c", "http://[::ffff:127.0.0.1]:80/", "http://0x7f.1/", "GMT+01:00",
    "America/Lima",
    "User aGVsbG8=, Organization d29ybGQ=, Element dG9rZW4=", '{"message": {"instanceId": 1}}', "v1,aGVsbG8=",
    "sha256=x",
    json.dumps({"contacts": {"url": "/lists/{listId}/contacts", "idField": "id", "datesConfiguration": {}}}),
    json.dumps({"headers": ["a", "b"], "data": [["1", "2"]], "totalCount": 1, "listId": "l-1"}),
]  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """Something that is known to be right, cut, doubled, and with nasty bits in it."""
    text = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 4))):
        first = draw(st.integers(0, len(text)))
        second = draw(st.integers(first, min(len(text), first + 30)))
        bit = draw(st.sampled_from(NASTY) | st.text(max_size=8))
        text = draw(st.sampled_from([
            text[:first] + bit + text[second:], text[:first] + text[second:], text[:second] + text[first:],
        ]))  # fmt: skip
    return text


texts = st.one_of(mutated(), st.text(max_size=60), st.sampled_from(NASTY), st.sampled_from(SEEDS))
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(-(2**70), 2**70), st.floats(), texts,
    st.sampled_from([2**63 - 1, 2**63, -(2**63), 10**400, 1e308, -0.0]),
)  # fmt: skip


def values(keys: st.SearchStrategy[str] = texts) -> st.SearchStrategy[Any]:
    """Anything that JSON can be, with these keys."""
    return st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=5), max_leaves=12
    )
