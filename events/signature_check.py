"""Whether the headers of a notification fit its body and a key; and where not, what it was that went wrong. Pure.

For people whose receiver refuses what the hub sent: next to what holds and what does not, the common mistakes are tried
out and named.
"""

import base64
import hashlib
import hmac
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from events import signing

PLATFORM, PLATFORM_ID = "elements-webhook-signature", "elements-webhook-id"
ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
TOLERANCE = timedelta(minutes=5)  # what Standard Webhooks lets a receiver allow
DIGEST_BYTES = hashlib.sha256().digest_size
MOST_MOMENT_DIGITS = 11


class Verdict(StrEnum):
    HOLDS = "holds"
    FAILS = "does not hold"
    NOTE = "note"


@dataclass(frozen=True)
class Finding:
    """What was found out about one header, the key, or all of it."""

    part: str
    verdict: Verdict
    says: str


@dataclass(frozen=True)
class _Variant:
    """What somebody may have signed, or signed with, instead; `words` is empty for what is right."""

    value: bytes
    words: str = ""


def read_headers(text: str) -> tuple[dict[str, str], list[str]]:
    """Names (lower case) with values, a line each, as `curl -v` and logs print them; and the lines that are none."""
    headers: dict[str, str] = {}
    others = []
    for line in text.splitlines():
        plain = line.strip().lstrip("<>").strip().removeprefix("-H ").strip("'\", ")
        name, colon, value = plain.partition(":")
        if colon and name.strip().strip("'\"").replace("-", "").isalnum():
            headers[name.strip().strip("'\"").lower()] = value.strip().strip("'\"").strip()
        elif plain:
            others.append(line.strip())
    return headers, others


def check(body: bytes, headers: Mapping[str, str], key: str, now: datetime) -> list[Finding]:
    """Header names are in lower case. Nothing of the key is in what is said."""
    found = [*_about_key(key)]
    if PLATFORM in headers:
        found.append(_platform(body, headers[PLATFORM], key))
    if SIGNATURE in headers:
        found += _standard(body, headers, key, now)
    if PLATFORM not in headers and SIGNATURE not in headers:
        says = f"There is neither {PLATFORM} nor {SIGNATURE}. The hub signs where the instance has a signature key."
        found.append(Finding("Headers", Verdict.FAILS, says))
    return found


def holds(found: list[Finding]) -> bool:
    """Whether a receiver would take it: something was checked, and nothing of it fails."""
    verdicts = [finding.verdict for finding in found]
    return Verdict.HOLDS in verdicts and Verdict.FAILS not in verdicts


def _about_key(key: str) -> Iterator[Finding]:
    if key != key.strip():
        yield Finding("Key", Verdict.NOTE, "There are blanks around the key; they count as part of it.")
    if key.startswith("whsec_") and signing.key_bytes(key) == key.encode():
        says = "What stands behind whsec_ is not base64, so the whole text is taken as the key."
        yield Finding("Key", Verdict.NOTE, says)


def _platform(body: bytes, given: str, key: str) -> Finding:
    if signing.is_signed(key, body, given):
        return Finding(PLATFORM, Verdict.HOLDS, "It is the HMAC-SHA256 of the body with this key.")
    prefix, equals, digest = given.partition("=")
    if not equals or prefix.strip() != "sha256":
        digest, shape = given, "It must begin with sha256=. "
    else:
        shape = ""
    why = _why(b"", body, digest, key.encode(), key)
    return Finding(PLATFORM, Verdict.FAILS, shape + why)


def _standard(body: bytes, headers: Mapping[str, str], key: str, now: datetime) -> Iterator[Finding]:
    for name in (ID, TIMESTAMP):
        if not headers.get(name):
            yield Finding(name, Verdict.FAILS, f"It is missing: {SIGNATURE} covers it, and cannot be checked without.")
            return
    if headers.get(PLATFORM_ID, headers[ID]) != headers[ID]:
        says = f"It differs from {PLATFORM_ID}: these headers belong to two notifications."
        yield Finding(ID, Verdict.FAILS, says)
    yield _timestamp(headers[TIMESTAMP], now)
    prefix = f"{headers[ID]}.{headers[TIMESTAMP]}.".encode()
    yield _signatures(prefix, body, headers[SIGNATURE].split(), key)


def _timestamp(text: str, now: datetime) -> Finding:
    if not (text.isascii() and text.isdigit()):
        return Finding(TIMESTAMP, Verdict.FAILS, "It must be a number: seconds since 1970.")
    if len(text) > MOST_MOMENT_DIGITS:
        return Finding(TIMESTAMP, Verdict.FAILS, "It is too large for seconds since 1970: these may be milliseconds.")
    age = int(now.timestamp()) - int(text)
    if abs(age) <= TOLERANCE.total_seconds():
        return Finding(TIMESTAMP, Verdict.HOLDS, f"It is {abs(age)} seconds {'old' if age >= 0 else 'ahead'}.")
    says = (
        f"It is {_length(abs(age))} {'old' if age > 0 else 'ahead'}: a receiver refuses what is more than five minutes "
        f"{'old' if age > 0 else 'ahead; look at the clocks of both'}. A redelivery carries a new one."
    )
    return Finding(TIMESTAMP, Verdict.NOTE, says)


def _length(seconds: int) -> str:
    for size, word in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {word}{'' if count == 1 else 's'}"
    return f"{seconds} seconds"


def _signatures(prefix: bytes, body: bytes, given: list[str], key: str) -> Finding:
    expected = _digest(signing.key_bytes(key), prefix + body)
    ours = [text.removeprefix("v1,") for text in given if text.startswith("v1,")]
    right = base64.b64encode(expected).decode("ascii")
    for number, text in enumerate(ours, 1):
        if hmac.compare_digest(text.encode(), right.encode()):
            which = f"Signature {number} of {len(ours)} holds" if len(ours) > 1 else "It holds"
            rest = "; the others are made with other keys, as after a change of the key" if len(ours) > 1 else ""
            return Finding(SIGNATURE, Verdict.HOLDS, f"{which}: HMAC-SHA256 of id.timestamp.body with this key{rest}.")
    if not ours:
        return Finding(SIGNATURE, Verdict.FAILS, "None of it begins with v1, and other versions are not checked here.")
    reasons = [_why(prefix, body, text, signing.key_bytes(key), key) for text in ours]
    named = [reason for reason in reasons if reason != NO_REASON]
    return Finding(SIGNATURE, Verdict.FAILS, (named or reasons)[0])


NO_REASON = (
    "It does not hold, and none of the common mistakes explains it: it is another key, or the body is not the one that "
    "was signed. What was signed are the bytes of the body as they came."
)


def _why(prefix: bytes, body: bytes, given: str, right_key: bytes, key: str) -> str:
    """The fewest deviations with which the signature would hold."""
    text = given.strip().rstrip("=")
    bodies, keys = list(_bodies(body)), list(_keys(right_key, key))
    prefixes = [_Variant(prefix)]
    if prefix:
        prefixes.append(_Variant(b"", "it was made of the body alone, without id and timestamp before it"))
    tried = sorted(itertools.product(keys, bodies, prefixes), key=lambda each: sum(bool(part.words) for part in each))
    for variants in tried:
        with_key, of_body, behind = variants
        digest = _digest(with_key.value, behind.value + of_body.value)
        for form, words in _forms(digest):
            if hmac.compare_digest(form.rstrip("=").encode(), text.encode()):
                parts = [part.words for part in variants if part.words] + ([words] if words else [])
                return f"It would hold, but {', and '.join(parts)}."
    return f"{_shape(text)}{NO_REASON}" if _shape(text) else NO_REASON


def _digest(key: bytes, signed: bytes) -> bytes:
    return hmac.new(key, signed, hashlib.sha256).digest()


def _forms(digest: bytes) -> Iterator[tuple[str, str]]:
    yield base64.b64encode(digest).decode("ascii"), ""
    yield digest.hex(), "the digest is written in hex, not in base64"
    yield (
        base64.b64encode(digest.hex().encode()).decode("ascii"),
        "it is the base64 of the digest's hex text, not of its bytes",
    )
    yield base64.urlsafe_b64encode(digest).decode("ascii"), "it is in the base64 for URLs, not in the usual one"


def _shape(text: str) -> str:
    try:
        length = len(base64.b64decode(text + "=" * (-len(text) % 4), validate=True))
    except ValueError:
        return "It is not base64. "
    return "" if length == DIGEST_BYTES else f"It is {length} bytes in base64, and a signature has {DIGEST_BYTES}. "


def _bodies(body: bytes) -> Iterator[_Variant]:
    yield _Variant(body)
    bare = body.rstrip(b"\r\n")
    yield _Variant(bare, "there is a line end behind the body that was not signed")
    yield _Variant(bare + b"\n", "the line end behind the body is missing")
    yield _Variant(body.strip(), "there are blanks around the body that were not signed")
    unix = body.replace(b"\r\n", b"\n")
    yield _Variant(unix, "its line ends are CRLF, and were LF when it was signed")
    yield _Variant(unix.replace(b"\n", b"\r\n"), "its line ends are LF, and were CRLF when it was signed")
    yield _Variant(body.removeprefix(b"\xef\xbb\xbf"), "there is a byte order mark before the body")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return
    if isinstance(value, str):
        yield _Variant(value.encode(errors="replace"), "the body was made a JSON string once more")
    words = "the body was parsed and written again, which changes its bytes: check them as they came"
    for ascii_only in (True, False):
        for blanks in ((", ", ": "), (",", ":")):
            text = json.dumps(value, ensure_ascii=ascii_only, separators=blanks)
            yield _Variant(text.encode(errors="replace"), words)
        for indent in (2, 4):
            text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
            yield _Variant(text.encode(errors="replace"), words)


def _keys(right: bytes, key: str) -> Iterator[_Variant]:
    yield _Variant(right)
    if key.encode() != right:
        yield _Variant(
            key.encode(), "it was made with the text of the key, where what stands behind whsec_ must be decoded"
        )
    yield _Variant(key.strip().encode(), "there are blanks around the key")
    yield _Variant(key.strip().strip("'\"").encode(), "there are quotation marks around the key")
    bare = key.strip().removeprefix("whsec_")
    yield _Variant(bare.encode(), "it was made with the key without its whsec_")
    for decode, words in ((_base64, "base64"), (_hex, "hex")):
        value = decode(bare)
        if value is not None:
            yield _Variant(
                value, f"it was made with the key decoded from {words}, where the text as it stands is the key"
            )


def _base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        return None


def _hex(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return None
