import http.client
import json
import time
from typing import Any

import pytest

from sandbox.models import Account, Fault
from tests.sandbox.conftest import Application

pytestmark = pytest.mark.django_db(databases=["default", "sandbox"])
LISTS, PEOPLE = "/api/1/list", "/api/1/list/l-0001"


def switch_on(control: Any, kind: str, **more: Any) -> dict[str, Any]:
    response = control("POST", "/accounts/ann/faults", {"kind": kind, "times": 1, **more})
    assert response.status_code == 200, response.content
    answer: dict[str, Any] = response.json()
    return answer


def test_throttling_has_a_text_and_no_retry_after(logged_in: Application, control: Any) -> None:
    switch_on(control, "throttle")
    response = logged_in.get(LISTS)
    assert response.status_code == 429
    assert "too many calls" in response.content.decode()
    assert "Retry-After" not in response.headers
    assert logged_in.get(LISTS).status_code == 200


def test_throttling_may_come_as_503_and_with_retry_after(logged_in: Application, control: Any) -> None:
    switch_on(control, "throttle", status=503, retry_after_s=7)
    response = logged_in.get(LISTS)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "7")
    assert "limit exceeded" in response.content.decode()


def test_server_error_is_no_json(logged_in: Application, control: Any) -> None:
    switch_on(control, "error")
    response = logged_in.get(LISTS)
    assert response.status_code == 500
    assert response.content == b"Internal error"


def test_fault_waits_for_its_call_and_ends_after_its_times(logged_in: Application, control: Any) -> None:
    switch_on(control, "error", at=3, times=2)
    assert [logged_in.get(LISTS).status_code for _ in range(5)] == [200, 200, 500, 500, 200]
    assert not Fault.objects.exists()


def test_fault_without_times_lasts_until_switched_off(logged_in: Application, control: Any) -> None:
    fault = switch_on(control, "error", times=None)
    assert [logged_in.get(LISTS).status_code for _ in range(3)] == [500] * 3
    assert control("DELETE", f"/accounts/ann/faults/{fault['id']}").json() == {"ended": 1}
    assert logged_in.get(LISTS).status_code == 200


def test_fault_is_for_matching_paths_and_its_own_account_only(
    logged_in: Application, control: Any, client: Any
) -> None:
    switch_on(control, "error", path="offset=1000", times=None)
    other = Application(client)
    other.log_in("bea")
    assert logged_in.get(PEOPLE, {"offset": "0"}).status_code == 200
    assert logged_in.get(PEOPLE, {"offset": "1000"}).status_code == 500
    assert other.get(PEOPLE, {"offset": "1000"}).status_code == 200


def test_token_calls_meet_only_faults_meant_for_them(logged_in: Application, control: Any) -> None:
    switch_on(control, "error", times=None)
    assert logged_in.refresh().status_code == 200
    switch_on(control, "error", path="/token")
    assert logged_in.refresh().status_code == 500


def test_refused_call_uses_up_no_fault(logged_in: Application, control: Any) -> None:
    switch_on(control, "error")
    Account.objects.update(calls_per_second=0)
    assert logged_in.get(LISTS).status_code == 429
    assert Fault.objects.count() == 1


@pytest.mark.parametrize(("kind", "content"), [("html", b"<!doctype html>"), ("empty", b"")])
def test_body_that_is_no_json_comes_with_200(logged_in: Application, control: Any, kind: str, content: bytes) -> None:
    switch_on(control, kind)
    response = logged_in.get(PEOPLE)
    assert response.status_code == 200
    assert response.content.startswith(content)
    with pytest.raises(ValueError):
        json.loads(response.content)


def test_rows_are_shorter_than_the_headers(logged_in: Application, control: Any) -> None:
    switch_on(control, "short_rows")
    body = logged_in.get(PEOPLE).json()
    assert {len(row) for row in body["data"]} == {len(body["headers"]) - 1}


def test_truncated_body_announces_more_than_it_holds(logged_in: Application, control: Any) -> None:
    switch_on(control, "truncate")
    response = logged_in.get(PEOPLE)
    assert int(response.headers["Content-Length"]) > len(response.content) > 0


def test_expired_token_stays_so_until_refreshed(logged_in: Application, control: Any) -> None:
    switch_on(control, "expire_token")
    assert [logged_in.get(LISTS).status_code for _ in range(2)] == [401, 401]
    logged_in.refresh()
    assert logged_in.get(LISTS).status_code == 200


def test_tokens_rotate_although_the_answer_is_lost(logged_in: Application, control: Any) -> None:
    old = logged_in.refresh_token
    switch_on(control, "lose_tokens", status=500)
    assert logged_in.refresh().status_code == 500
    assert logged_in.get(LISTS).status_code == 401
    assert logged_in.refresh(old).status_code == 200


def test_lost_rotation_is_final_for_a_strict_account(logged_in: Application, control: Any) -> None:
    control("PATCH", "/accounts/ann", {"strict_refresh": True})
    switch_on(control, "lose_tokens", status=500)
    logged_in.refresh()
    assert logged_in.refresh().status_code == 403


def test_data_moves_before_the_nth_download_is_answered(logged_in: Application, control: Any) -> None:
    operations = {"add": [{"Email": "z@example.com"}], "change": {"2": {"Company": "Z"}}, "delete": [1]}
    switch_on(control, "move_data", at=2, operations=operations)
    logged_in.get(LISTS)
    before = [row[0] for row in logged_in.get(PEOPLE).json()["data"]]
    after = [(row[0], row[-1]) for row in logged_in.get(PEOPLE).json()["data"]]
    assert before == ["l-0001:1", "l-0001:2", "l-0001:3"]
    assert [identifier for identifier, _company in after] == ["l-0001:2", "l-0001:3", "l-0001:4"]
    assert after[0][1] == "Z"


def test_data_that_cannot_be_moved_is_told(logged_in: Application, control: Any) -> None:
    switch_on(control, "move_data", operations={"change": {"99": {"Company": "Z"}}})
    response = logged_in.get(PEOPLE)
    assert response.status_code == 500
    assert "contact 99" in response.content.decode()


def test_operations_that_fit_no_list_are_refused_at_once(account: Account, control: Any) -> None:
    body = {"kind": "move_data", "operations": {"list": "l-0001", "add": [{"Shoe size": "42"}]}}
    response = control("POST", "/accounts/ann/faults", body)
    assert (response.status_code, response.json()["field"]) == (400, "Shoe size")


def test_slow_answer_waits_and_may_fail_too(
    logged_in: Application, control: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    switch_on(control, "slow", delay_ms=1_500)
    switch_on(control, "error")
    assert logged_in.get(LISTS).status_code == 500
    assert waited == [1.5]


def test_faults_are_in_the_log(logged_in: Application, control: Any) -> None:
    switch_on(control, "drop")
    logged_in.get(LISTS)
    logged = control("GET", "/accounts/ann/requests?path=/api/").json()["requests"]
    assert [(call["fault"], call["status"]) for call in logged] == [("drop", 0)]


@pytest.mark.django_db(databases=["default", "sandbox"], transaction=True)
class TestOverASocket:
    def ask(self, live_server: Any, token: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", live_server.thread.port, timeout=10)
        connection.request("GET", "/sandbox/api/1/list/l-0001", headers={"Authorization": f"Bearer {token}"})
        return connection.getresponse()

    def test_dropped_connection_gives_no_answer(self, logged_in: Application, control: Any, live_server: Any) -> None:
        switch_on(control, "drop")
        with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
            self.ask(live_server, logged_in.access_token)
        assert self.ask(live_server, logged_in.access_token).status == 200

    def test_truncated_body_ends_early(self, logged_in: Application, control: Any, live_server: Any) -> None:
        switch_on(control, "truncate")
        with pytest.raises(http.client.IncompleteRead):
            self.ask(live_server, logged_in.access_token).read()

    def test_date_follows_the_accounts_clock(self, logged_in: Application, control: Any, live_server: Any) -> None:
        control("PATCH", "/accounts/ann", {"clock_offset_ms": 10 * 365 * 86_400_000})
        answer = self.ask(live_server, logged_in.access_token)
        dates = answer.headers.get_all("Date") or []
        assert len(dates) == 1
        assert int(dates[0].split()[3]) >= 2034
        assert json.loads(answer.read())["count"] == 3
