"""The event log narrowed down, followed live, and taken out as a file."""

import csv
import io
import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from console import export
from console.models import KEPT, SILENT, Export
from tests.console import rows
from tests.console.test_event_log import LOG, ids, log


def file(browser: Client, kind: str, **query: Any) -> str:
    response = browser.get(f"{LOG}.{kind}", query)
    assert response.status_code == 200
    assert f'filename="events.{kind}"' in response.headers["Content-Disposition"]
    return b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]


def test_a_csv_has_a_line_a_change_and_no_formulas(browser: Client, member: User) -> None:
    row = rows.instance(member, '=HYPERLINK("x")')
    change = rows.change(row, 'l-0001:"1"', error="refused, with a comma")
    (line,) = csv.DictReader(io.StringIO(file(browser, "csv")))
    assert line["id"] == str(change.pk)
    assert line["objectId"] == 'l-0001:"1"'
    assert line["error"] == "refused, with a comma"
    assert line["instance"] == '\'=HYPERLINK("x")'


def test_ndjson_has_the_record(browser: Client, member: User) -> None:
    change = rows.change(rows.instance(member))
    (line,) = file(browser, "ndjson").splitlines()
    assert json.loads(line)["record"] == json.loads(change.record)


def test_everything_that_passes_the_filter_is_in_the_file_and_nothing_else(
    browser: Client, member: User, stranger: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "ROWS_AT_ONCE", 3)
    row = rows.instance(member)
    wanted = [rows.change(row, f"l-0001:{number}").pk for number in range(7)]
    rows.change(row, "l-0002:1")
    rows.change(rows.instance(stranger), "l-0001:8")
    lines = file(browser, "ndjson", object_id="l-0001:*").splitlines()
    assert [json.loads(line)["id"] for line in lines] == wanted[::-1]


def test_a_filter_that_cannot_be_used_leads_back_to_where_it_is_told(browser: Client) -> None:
    response = browser.get("/console/events/export", {"begin": "never"}, follow=True)
    assert response.redirect_chain == [("/console/events?begin=never", 302)]
    assert "The filter cannot be used as it is" in response.content.decode()


def test_another_kind_of_file_is_a_404(browser: Client) -> None:
    assert browser.get(f"{LOG}.exe").status_code == 404


def test_the_log_can_be_narrowed_by_tag_resource_prefix_and_time(browser: Client, member: User) -> None:
    now = timezone.now()
    tagged = rows.instance(member, tags=["Important"], connection=rows.connection(member))
    first = rows.change(tagged, "l-0001:1", found_at=now - timedelta(hours=2))
    second = rows.change(rows.instance(member), "l-0002:1", object_type="campaigns")
    assert ids(log(browser, tag="Important")) == [first.pk]
    assert ids(log(browser, resource="campaigns")) == [second.pk]
    assert ids(log(browser, object_id="l-0002:*")) == [second.pk]
    assert ids(log(browser, span="1h")) == [second.pk]
    minutes = "%Y-%m-%dT%H:%M"
    end = (now - timedelta(hours=1)).strftime(minutes)
    assert ids(log(browser, end=end)) == [first.pk]
    assert ids(log(browser, begin=end)) == [second.pk]
    assert "later than the end" in log(browser, begin=now.strftime(minutes), end=end)


KEY = uuid.UUID(int=7)


def offered(browser: Client, **query: Any) -> str:
    response = browser.get(f"{LOG}/export", query)
    assert response.status_code == 200
    return response.content.decode()


def progress(browser: Client, seen: str = "something else") -> str | None:
    """What the page would show next; none where that is what it shows."""
    response = browser.get(f"{LOG}/export/{KEY}", {"seen": seen})
    return None if response.status_code == 204 else response.content.decode()


def test_the_page_of_the_export_tells_what_is_in_the_file(browser: Client, member: User) -> None:
    row = rows.instance(member, "Ours")
    rows.change(row, "l-0001:1")
    rows.change(row, "l-0002:1")
    text = offered(browser, instance=row.pk, object_id="l-0001:*", span="1h")
    assert "1 change, newest first" in text
    for shown in ("Ours", "l-0001:*", "last hour", "Nothing is written yet"):
        assert shown in text
    assert f"events.csv?instance={row.pk}&amp;object_id=l-0001%3A%2A&amp;span=1h&amp;export=" in text


def test_rows_are_counted_while_they_are_written(
    browser: Client, member: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "ROWS_AT_ONCE", 2)
    row = rows.instance(member)
    for _ in range(5):
        rows.change(row)
    response = browser.get(f"{LOG}.ndjson", {"export": str(KEY)})
    written = cast("Iterator[bytes]", response.streaming_content)  # type: ignore[attr-defined]
    for _ in range(3):  # the third row stands in the second batch, so the first one is counted
        next(written)
    assert "<strong>2</strong> rows written to the NDJSON file so far" in (progress(browser) or "")
    assert len(list(written)) == 2
    text = progress(browser) or ""
    assert "<strong>5</strong> rows written to the NDJSON file" in text
    assert "Done" in text
    assert progress(browser, "ndjson.5.done") is None


def test_both_files_are_counted_apart(browser: Client, member: User) -> None:
    rows.change(rows.instance(member))
    for kind in ("csv", "ndjson"):
        file(browser, kind, export=KEY)
    text = progress(browser) or ""
    assert text.count("<strong>1</strong> row written") == 2


def test_a_download_that_was_stopped_is_told(browser: Client, member: User) -> None:
    row = Export.objects.create(
        key=export._key_of(KEY, "csv"), organization=member.organization, kind="csv", started_at=timezone.now()
    )
    lines = export.as_csv(export._counted(iter([[], [{"id": 1}], []]), row))
    assert next(lines).startswith("id,")
    with pytest.raises(KeyError):  # as whatever ends the writing early: a connection that is gone, a defect
        list(lines)
    assert "Broken off" in (progress(browser) or "")


def test_one_whose_process_was_killed_is_told_to_be_broken_off() -> None:
    now = timezone.now()
    assert Export(started_at=now).state(now) == "writing"
    assert Export(started_at=now, written_at=now + SILENT).state(now + SILENT) == "writing"
    assert Export(started_at=now, written_at=now).state(now + SILENT) == "broken off"


def test_another_organizations_export_is_none(browser: Client, member: User, stranger: User, client: Client) -> None:
    rows.change(rows.instance(member))
    file(browser, "csv", export=KEY)
    elsewhere = Client()
    elsewhere.force_login(stranger)
    assert "Nothing is written yet" in (progress(elsewhere) or "")
    assert elsewhere.get(f"{LOG}.csv", {"export": str(KEY)}).status_code == 404
    assert Export.objects.get().organization_id == member.organization_id


def test_old_counts_are_forgotten(browser: Client, member: User) -> None:
    old = {"organization": member.organization, "kind": "csv", "started_at": timezone.now() - KEPT}
    Export.objects.create(key=uuid.UUID(int=1), **old)
    file(browser, "csv", export=KEY)
    assert Export.objects.count() == 1
