"""Date formats both ways, templates and time zones (CONTRACT §4)."""

from datetime import UTC, datetime, timedelta
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polling import dates, java_dates, templates
from polling.zones import zone_of

MS = 1_479_945_600_000  # 2016-11-24T00:00:00Z
ZONES = ["UTC", "America/New_York", "Europe/Berlin", "+05:30", "Asia/Kolkata", "Australia/Sydney", "-0330", "PST"]
# Each tells a moment to the millisecond.
WHOLE = [
    "yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
    "yyyy-MM-dd HH:mm:ss.SSS Z",
    "EEE, dd MMM yyyy HH:mm:ss.SSS Z",
    "EEEE d MMMM y h:mm:ss.SSS a XX",
    "yyyyMMddHHmmssSSSXX",
    "dd/MM/yyyy K:mm:ss,SSS a X''",
    "yyyy.DDD kk:mm:ss.SSSSSS xxx",
    "'at' hh 'o''clock' mm ss SSS a, MMM d yyyy xx",
]
# Without a zone, as hypothesis wants its bounds.
FIRST, LAST = datetime(1971, 1, 1), datetime(2100, 1, 1)  # noqa: DTZ001
moments = st.datetimes(FIRST, LAST).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=UTC)
)


@pytest.mark.parametrize("pattern", WHOLE)
@given(moment=moments, zone=st.sampled_from(ZONES))
def test_what_is_written_reads_back(pattern: str, moment: datetime, zone: str) -> None:
    if pattern.endswith("X''"):
        zone = "+05:00"  # a single X tells whole hours
    text = java_dates.write(pattern, moment.astimezone(zone_of(zone)))
    assert java_dates.read(pattern, text) == moment


@given(moment=moments, zone=st.sampled_from(["America/New_York", "Europe/Berlin", "Australia/Sydney"]))
def test_a_date_without_a_zone_is_in_the_one_of_the_setting(moment: datetime, zone: str) -> None:
    local = moment.astimezone(ZoneInfo(zone))
    found = java_dates.read(
        "yyyy-MM-dd HH:mm:ss.SSS", java_dates.write("yyyy-MM-dd HH:mm:ss.SSS", local), zone_of(zone)
    )
    # In the hour that comes twice a year, the text does not tell which of both it is.
    assert found - moment in (timedelta(0), timedelta(hours=-1), timedelta(hours=1))
    assert found.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0) == local.replace(tzinfo=None, fold=0)


@pytest.mark.parametrize(
    ("value", "date_format", "zone", "expected"),
    [
        ("1479945600000", "milliseconds", "", MS),
        (1479945600, "seconds", "", MS),
        ("1479945600000123", "microseconds", "", MS),
        ("2016-11-24T00:00:00Z", "yyyy-MM-dd'T'HH:mm:ssXXX", "", MS),
        ("2016-11-24T01:00:00+01:00", "yyyy-MM-dd'T'HH:mm:ssXXX", "America/New_York", MS),
        ("2016-11-23 19:00:00", "yyyy-MM-dd HH:mm:ss", "America/New_York", MS),
        ("2016-11-23 19:00:00", "yyyy-MM-dd HH:mm:ss", "-05:00", MS),
        ("2016-07-01 08:00:00", "yyyy-MM-dd HH:mm:ss", "PST", 1_467_385_200_000),  # PDT by then
        ("Thu, 24 Nov 2016 00:00:00 +0000", "EEE, dd MMM yyyy HH:mm:ss Z", "", MS),
        ("Wed, 23 Nov 2016 19:00:00 EST", "EEE, dd MMM yyyy HH:mm:ss z", "", MS),
        ("24 november 2016", "d MMMM yyyy", "", MS),
        ("11/24/16", "MM/dd/yy", "", MS),
        ("20161124", "yyyyMMdd", "", MS),
        ("12:00 am 24.11.2016", "hh:mm a dd.MM.yyyy", "", MS),
        ("2016-11-24T00:00:00.5Z", "yyyy-MM-dd'T'HH:mm:ss.SX", "", MS + 500),
        ("2016-11-24T00:00:00.123456789Z", "yyyy-MM-dd'T'HH:mm:ss.SSSX", "", MS + 123),
        ("2016-11-24T10:00:00", "yyyy-MM-dd", "", MS),  # what follows is ignored, as Java does
        ("", "yyyy", "", None),
        (None, "milliseconds", "", None),
    ],
)
def test_a_date_is_read_as_its_format_says(value: object, date_format: str, zone: str, expected: int | None) -> None:
    assert dates.parse_ms(value, date_format, zone) == expected


@pytest.mark.parametrize(
    ("value", "date_format"),
    [
        ("yesterday", "milliseconds"),
        (True, "seconds"),
        ("2016-13-01", "yyyy-MM-dd"),
        ("2016-02-30", "yyyy-MM-dd"),
        ("25:00", "HH:mm"),
        ("24 Novembre 2016", "d MMMM yyyy"),
        ("2016-11-24 XYZ", "yyyy-MM-dd z"),
        (["2016"], "yyyy"),
        ("9" * 300, "yyyy"),
    ],
)
def test_what_is_no_such_date_is_refused(value: object, date_format: str) -> None:
    with pytest.raises(ValueError):
        dates.parse_ms(value, date_format)


@given(st.text(max_size=30), st.text(max_size=40))
def test_any_pattern_and_text_are_read_or_refused(pattern: str, text: str) -> None:
    try:
        dates.check_format(pattern)
        assert isinstance(dates.parse_ms(text or "0", pattern), int)
    except ValueError:
        pass


@pytest.mark.parametrize("pattern", ["", "'open", "no-such-letters", "b", "y" * 201, "''"])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError):
        dates.check_format(pattern)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("${epoch}", str(MS)),
        ("${epoch:ms}", str(MS)),
        ("${milliseconds}", str(MS)),
        ("${epoch:s}", "1479945600"),
        ("${epoch:us}", "1479945600000000"),
        ("${date}", "2016-11-24T00:00:00.000Z"),
        ("${date:yyyy-MM-dd}", "2016-11-24"),
        ("${gmtDate:yyyy-MM-dd'T'HH:mm:ss'Z'}", "2016-11-24T00:00:00Z"),
        ("${dateTimeZone:America/New_York:yyyy-MM-dd'T'HH:mm:ssXXX}", "2016-11-23T19:00:00-05:00"),
        ("${DateTimeZone:+05:30:HH:mm}", "05:30"),
        ("${dateTimeZone:EST:HH}", "19"),
        ("${date:yyyy'}'MM}", "2016}11"),
        ("${date:{yyyy}}", "{2016}"),
        ("${date:yyyy''MM}", "2016'11"),
    ],
)
def test_a_template_is_filled_with_the_last_poll_date(template: str, expected: str) -> None:
    url = f"/lists/{{listId}}/contacts?where=modafter='{template}'&x={template}"
    assert templates.unknown(url) == []
    assert unquote(templates.fill(url, MS)) == f"/lists/{{listId}}/contacts?where=modafter='{expected}'&x={expected}"


@pytest.mark.parametrize(
    "template", ["${eon}", "${date:bb}", "${dateTimeZone:Nowhere/Town:yyyy}", "${epoch", "${date:'x}"]
)
def test_an_unknown_template_is_named(template: str) -> None:
    (found,) = templates.unknown(f"/lists?a={template}")
    assert found.startswith(template.rstrip("}")[:8])
    with pytest.raises(ValueError):
        templates.fill(template, MS)
