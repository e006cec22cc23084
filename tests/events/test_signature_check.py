"""The signature checker: what the hub sends holds, and each common mistake is named."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events import signature_check, signing
from events.signature_check import PLATFORM, SIGNATURE, TIMESTAMP, Finding, Verdict

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
KEY = "optional key"
SECRET = "whsec_" + base64.b64encode(b"twenty-four bytes of key").decode()
BODY = b'{"id": 9041, "topic": "acton", "message": {"name": "Andr\\u00e9", "raw": {"contacts": []}}}'
ID = "0d3c1e0e-8f6e-4cf1-9a55-1d7a5f6f2f11"


def sent(*keys: str, body: bytes = BODY, at: datetime = NOW) -> dict[str, str]:
    """The headers as the hub sends them, names in lower case."""
    headers = signing.headers_for(ID, keys[0], body) | signing.standard_headers(ID, list(keys), body, at)
    return {name.lower(): value for name, value in headers.items()}


def of(part: str, found: list[Finding]) -> Finding:
    (finding,) = [each for each in found if each.part == part]
    return finding


def check(headers: dict[str, str], body: bytes = BODY, key: str = KEY) -> list[Finding]:
    return signature_check.check(body, headers, key, NOW)


@given(body=st.binary(max_size=200), key=st.text(st.characters(codec="utf-8"), min_size=1, max_size=40))
def test_what_the_hub_sends_holds(body: bytes, key: str) -> None:
    found = check(sent(key, body=body), body, key)
    assert signature_check.holds(found)
    assert {finding.part for finding in found if finding.verdict == Verdict.HOLDS} == {PLATFORM, TIMESTAMP, SIGNATURE}


@given(body=st.binary(max_size=200), at=st.integers(0, 199), bit=st.integers(0, 7), key=st.sampled_from([KEY, SECRET]))
def test_another_body_never_holds(body: bytes, at: int, bit: int, key: str) -> None:
    changed = bytearray(body or b"x")
    changed[at % len(changed)] ^= 1 << bit
    found = check(sent(key, body=body), bytes(changed), key)
    assert {of(PLATFORM, found).verdict, of(SIGNATURE, found).verdict} == {Verdict.FAILS}
    assert not signature_check.holds(found)


PARSED = json.loads(BODY)
CHANGED_BODIES = [
    (BODY + b"\n", "line end behind the body that was not signed"),
    (b"\n " + BODY, "blanks around the body"),
    (b"\xef\xbb\xbf" + BODY, "byte order mark"),
    (json.dumps(PARSED, separators=(",", ":")).encode(), "parsed and written again"),
    (json.dumps(PARSED, separators=(",", ":"), ensure_ascii=False).encode(), "parsed and written again"),
    (json.dumps(PARSED, indent=2).encode(), "parsed and written again"),
    (json.dumps(BODY.decode()).encode(), "JSON string once more"),
]


@pytest.mark.parametrize(("body", "words"), CHANGED_BODIES)
@pytest.mark.parametrize("key", [KEY, SECRET])
def test_a_body_that_was_changed_on_the_way_is_named(body: bytes, words: str, key: str) -> None:
    found = check(sent(key), body, key)
    for part in (PLATFORM, SIGNATURE):
        assert words in of(part, found).says
        assert of(part, found).verdict == Verdict.FAILS


@pytest.mark.parametrize(
    ("signed", "pasted", "words"),
    [(b"a\nb", b"a\r\nb", "were LF"), (b"a\r\nb", b"a\nb", "were CRLF"), (b"a\n", b"a", "is missing")],
)
def test_line_ends_are_named(signed: bytes, pasted: bytes, words: str) -> None:
    assert words in of(PLATFORM, check(sent(KEY, body=signed), pasted)).says


@pytest.mark.parametrize(
    ("pasted", "words"), [(f" {KEY}\n", "blanks around the key"), (f'"{KEY}"', "quotation marks around the key")]
)
def test_a_key_with_something_around_it_is_named(pasted: str, words: str) -> None:
    found = check(sent(KEY), key=pasted)
    assert words in of(PLATFORM, found).says
    assert words in of(SIGNATURE, found).says


def test_the_two_meanings_of_a_whsec_key_are_told_apart() -> None:
    decoded = base64.b64decode(SECRET.removeprefix("whsec_"))
    headers = sent(SECRET)
    platform = "sha256=" + base64.b64encode(signature_check._digest(decoded, BODY)).decode()
    assert "decoded from base64" in of(PLATFORM, check(headers | {PLATFORM: platform}, key=SECRET)).says
    text = signature_check._digest(SECRET.encode(), f"{ID}.{headers[TIMESTAMP]}.".encode() + BODY)
    standard = "v1," + base64.b64encode(text).decode()
    assert "must be decoded" in of(SIGNATURE, check(headers | {SIGNATURE: standard}, key=SECRET)).says


def test_a_digest_in_another_spelling_is_named() -> None:
    digest = base64.b64decode(sent(KEY)[PLATFORM].removeprefix("sha256="))
    spellings = {
        digest.hex(): "in hex",
        base64.b64encode(digest.hex().encode()).decode(): "hex text",
        "AAAA": "3 bytes in base64",
        "!": "not base64",
    }
    for spelling, words in spellings.items():
        assert words in of(PLATFORM, check({PLATFORM: f"sha256={spelling}"})).says
    assert "must begin with sha256=" in of(PLATFORM, check({PLATFORM: base64.b64encode(digest).decode()})).says


def test_a_standard_signature_of_the_body_alone_is_named() -> None:
    headers = sent(KEY)
    alone = headers[PLATFORM].removeprefix("sha256=")
    assert "without id and timestamp" in of(SIGNATURE, check(headers | {SIGNATURE: f"v1,{alone}"})).says


def test_one_of_several_signatures_is_enough() -> None:
    headers = sent("the new key", KEY)
    found = check(headers)
    assert "Signature 2 of 2 holds" in of(SIGNATURE, found).says
    assert of(PLATFORM, found).verdict == Verdict.FAILS  # that one is the new key's alone
    assert "Signature 1 of 2 holds" in of(SIGNATURE, check(headers, key="the new key")).says


@pytest.mark.parametrize(
    ("offset", "verdict", "words"),
    [
        (timedelta(seconds=-40), Verdict.HOLDS, "40 seconds old"),
        (timedelta(seconds=40), Verdict.HOLDS, "40 seconds ahead"),
        (timedelta(hours=-3), Verdict.NOTE, "3 hours old"),
        (timedelta(days=1), Verdict.NOTE, "1 day ahead"),
    ],
)
def test_the_age_of_the_timestamp_is_told(offset: timedelta, verdict: Verdict, words: str) -> None:
    finding = of(TIMESTAMP, check(sent(KEY, at=NOW + offset)))
    assert finding.verdict == verdict
    assert words in finding.says


def test_a_timestamp_that_is_none_is_named() -> None:
    headers = sent(KEY)
    assert "milliseconds" in of(TIMESTAMP, check(headers | {TIMESTAMP: "1764000000000"})).says
    assert "must be a number" in of(TIMESTAMP, check(headers | {TIMESTAMP: "now"})).says


def test_what_is_missing_is_said() -> None:
    assert of("Headers", check({})).verdict == Verdict.FAILS
    headers = sent(KEY)
    del headers[TIMESTAMP]
    assert "missing" in of(TIMESTAMP, check(headers)).says
    assert not signature_check.holds(check(headers))


def test_another_key_is_told_without_a_word_of_it() -> None:
    found = check(sent(KEY), key="quite-another-key")
    assert "another key" in of(PLATFORM, found).says
    assert "quite-another-key" not in str(found)


def test_headers_are_read_however_they_were_copied() -> None:
    text = """> Elements-Webhook-Id: abc
    webhook-signature: v1,aaa v1,bbb
-H 'webhook-timestamp: 17'
"Content-Type": "application/json",

POST /events HTTP/1.1
what is this"""
    headers, others = signature_check.read_headers(text)
    assert headers == {
        "elements-webhook-id": "abc",
        "webhook-signature": "v1,aaa v1,bbb",
        "webhook-timestamp": "17",
        "content-type": "application/json",
    }
    assert others == ["POST /events HTTP/1.1", "what is this"]
