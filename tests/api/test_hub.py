"""The hub's resources, against the sandbox (CONTRACT §7)."""

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from accounts.models import User
from instances.models import Instance
from polling import provisioning
from tests.act_on import Sandbox

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")
CSV = b"Email,First Name\nbob@example.com,Bob\neve@example.com,Eve\n"


@pytest.fixture
def instance(user: User, act_on: Sandbox) -> Instance:
    body = act_on.body()
    grant = provisioning.Grant(code=body["providerData"]["code"])
    return provisioning.create(user, name="n", tags=[], raw=body["configuration"], grant=grant)


@pytest.fixture
def hub(user: User, instance: Instance) -> Client:
    """The resources, as an application calls them."""
    return Client(headers={"Authorization": f"User {user.secret}, Element {instance.token}"})


def get(hub: Client, path: str, **query: Any) -> Any:
    return hub.get(path, query)


def ok(response: Any) -> Any:
    assert response.status_code == 200, response.content
    return response.json()


def send(hub: Client, method: str, path: str, body: Any = None) -> Any:
    return ok(hub.generic(method, path, json.dumps(body), content_type="application/json"))


def multipart(hub: Client, method: str, path: str, **parts: Any) -> Any:
    return ok(hub.generic(method, path, encode_multipart(BOUNDARY, parts), content_type=MULTIPART_CONTENT))


@pytest.mark.parametrize(
    "prefix", ["", "/hubs/marketing", "/hubs/whatever", "/elements/api-v2", "/elements/api-v2/hubs/x"]
)
def test_the_hub_segment_is_ignored(hub: Client, instance: Instance, prefix: str) -> None:
    response = hub.get(f"{prefix}/lists")
    assert [row["id"] for row in ok(response)] == ["l-0001", "l-0002"]
    assert response.headers["Elements-Element-Instance-Id"] == str(instance.pk)
    assert response.headers["Elements-Total-Count"] == "2"


def test_refusals_too_say_whose_token_was_sent(hub: Client, instance: Instance) -> None:
    name = "Elements-Element-Instance-Id"
    assert hub.get("/lists?where=nonsense").headers[name] == str(instance.pk)
    assert hub.get("/lists/l-9999/contacts").headers[name] == str(instance.pk)
    instance.disabled = True
    instance.save()
    refused = hub.get("/lists")
    assert (refused.status_code, refused.headers[name]) == (403, str(instance.pk))


READABLE = {
    "/lists": "id", "/lists/hardbounce": "Email", "/lists/spamcomplaint": "Email", "/lists/l-0001/contacts": "id",
    "/optouts": "Email", "/subscription-types": "name", "/campaigns": "msg_id", "/campaigns/m-0001/reports": "SENT",
    "/campaigns/m-0001/reports/opened": "email", "/pages": "title", "/pages/p-0001/reports": "SENT", "/forms": "title",
    "/forms/f-0001/reports": "SENT", "/programs": "name", "/accounts": "email",
}  # fmt: skip


@pytest.mark.parametrize(("path", "key"), READABLE.items())
def test_a_collection_is_an_array_of_objects(hub: Client, path: str, key: str) -> None:
    found = ok(hub.get(path))
    assert found
    assert all(key in row for row in found)


def test_campaigns_carry_their_id_by_both_names(hub: Client) -> None:
    assert all(row["id"] == row["msg_id"] for row in ok(hub.get("/campaigns")))


def test_a_contact_has_its_id_and_dates(hub: Client) -> None:
    contact = ok(hub.get("/lists/l-0001/contacts"))[0]
    assert contact["id"] == contact["_contact_id_"] == "l-0001:1"
    assert contact["__created_date"].isdigit()
    assert contact["__modified_date"].isdigit()


def test_contacts_come_in_pages_that_a_token_joins(hub: Client, act_on: Sandbox) -> None:
    act_on.account("POST", "/lists/l-0001/contacts?count=7")
    ids: list[str] = []
    token = ""
    for size in (4, 4, 2):
        response = get(hub, "/lists/l-0001/contacts", pageSize=4, nextPage=token)
        page = ok(response)
        assert len(page) == size
        assert response.headers["Elements-Returned-Count"] == str(size)
        ids += [row["id"] for row in page]
        token = response.headers.get("Elements-Next-Page-Token", "")
    assert ids == [f"l-0001:{number}" for number in range(1, 11)]
    assert not token
    assert [row["id"] for row in ok(hub.get("/lists/l-0001/contacts", {"pageSize": 4, "page": 3}))] == ids[8:]


def test_a_token_is_tied_to_its_query(hub: Client) -> None:
    token = hub.get("/lists/l-0001/contacts", {"pageSize": 1}).headers["Elements-Next-Page-Token"]
    for query in ({"where": "Email IS NULL", "nextPage": token}, {"nextPage": token + "x"}, {"nextPage": "forged"}):
        response = hub.get("/lists/l-0001/contacts", query)
        assert response.status_code == 400
        assert "nextPage" in response.json()["message"]
    assert hub.get("/lists/l-0002/contacts", {"nextPage": token}).status_code == 400


def test_where_goes_to_act_on_where_it_can_and_is_filtered_here_where_not(hub: Client, act_on: Sandbox) -> None:
    act_on.account("POST", "/lists/l-0001/contacts", {"Email": "ada@example.com", "Company": "Acme"})
    contact = ok(hub.get("/lists/l-0001/contacts", {"where": "Email = 'ada@example.com' AND Company LIKE 'Ac%'"}))
    assert [row["Email"] for row in contact] == ["ada@example.com"]
    moment = contact[0]["__modified_date"]
    asked = hub.get("/lists/l-0001/contacts", {"where": f"modafter='{moment}' and (Company='Acme' or Company is null)"})
    assert [row["id"] for row in ok(asked)] == ["l-0001:4"]
    last = act_on.account("GET", "/requests?path=/api/1/list/l-0001")["requests"][-1]
    assert f"modafter={moment}" in last["path"]
    later = ok(hub.get("/lists/l-0001/contacts", {"where": f"__modified_date > '{moment}'"}))
    assert later == []


def test_a_filter_of_the_hubs_goes_on_over_act_ons_pages(hub: Client, act_on: Sandbox) -> None:
    act_on.account("POST", "/lists/l-0001/contacts?count=2100")
    wanted = "_contact_id_ IN ('l-0001:2', 'l-0001:1500', 'l-0001:2050')"
    response = get(hub, "/lists/l-0001/contacts", where=wanted, pageSize=2)
    assert [row["id"] for row in ok(response)] == ["l-0001:2", "l-0001:1500"]
    assert "Elements-Total-Count" not in response.headers
    token = response.headers["Elements-Next-Page-Token"]
    rest = get(hub, "/lists/l-0001/contacts", where=wanted, pageSize=2, nextPage=token)
    assert [row["id"] for row in ok(rest)] == ["l-0001:2050"]
    second = ok(get(hub, "/lists/l-0001/contacts", where=wanted, pageSize=2, page=2))
    assert [row["id"] for row in second] == ["l-0001:2050"]


def test_bad_ceql_is_400_with_its_position(hub: Client) -> None:
    response = hub.get("/lists/l-0001/contacts", {"where": "Email == 'x'"})
    assert response.status_code == 400
    assert "where: " in response.json()["message"]
    assert "line 1, column 8" in response.json()["message"]
    assert hub.get("/lists/l-0001/contacts", {"where": "modafter='soon'"}).status_code == 400


def test_fields_choose_what_is_shown(hub: Client) -> None:
    first = ok(hub.get("/lists/l-0001/contacts", {"fields": "Email,id"}))[0]
    assert list(first) == ["Email", "id"]


def test_one_contact_made_read_changed_deleted(hub: Client) -> None:
    (made,) = send(hub, "POST", "/lists/l-0001/contacts", {"Email": "ada@example.com"})
    path = f"/lists/l-0001/contacts/{made['id']}"
    assert ok(hub.get(path))["Email"] == "ada@example.com"
    send(hub, "PATCH", path, {"Company": "Acme"})
    assert ok(hub.get(path))["Company"] == "Acme"
    send(hub, "DELETE", path)
    missing = hub.get(path)
    assert missing.status_code == 404
    assert "There is no contact" in missing.json()["providerMessage"]
    assert len(send(hub, "POST", "/lists/l-0001/contacts", [{"Email": "a@b.c"}, {"Email": "d@e.f"}])) == 2


def test_a_list_made_out_of_a_csv_merged_and_deleted(hub: Client) -> None:
    described = {
        "listname": "Uploaded",
        "headings": "Y",
        "fieldseparator": "COMMA",
        "quotecharacter": "NONE",
        "uploadspecs": [],
    }
    file = SimpleUploadedFile("list.csv", CSV, "text/csv")
    made = multipart(hub, "POST", "/lists", list=json.dumps(described), file=file)["id"]
    assert [row["Email"] for row in ok(hub.get(f"/lists/{made}/contacts"))] == ["bob@example.com", "eve@example.com"]
    file.seek(0)
    multipart(hub, "PATCH", f"/lists/{made}", list=json.dumps({"mergespecs": []}), file=file)
    shown = ok(hub.get(f"/lists/{made}"))
    assert (shown["id"], shown["totalCount"]) == (made, 4)
    assert "data" not in shown
    send(hub, "DELETE", f"/lists/{made}")
    assert hub.get(f"/lists/{made}").status_code == 404
    assert send(hub, "POST", "/lists", {"listname": "By JSON"})["status"] == "success"


def test_opting_out_by_a_csv(hub: Client) -> None:
    multipart(hub, "PUT", "/optouts", file=SimpleUploadedFile("out.csv", b"Email\nleft@example.com\n", "text/csv"))
    assert "left@example.com" in [row["Email"] for row in ok(hub.get("/optouts"))]


def test_subscription_types_can_be_opted_in_and_out(hub: Client) -> None:
    for word in ("optin", "optout"):
        send(hub, "PATCH", f"/subscription-types/Newsletter/{word}/ada@example.com")
    assert hub.patch("/subscription-types/None/optin/ada@example.com").status_code == 400


def test_a_campaign_made_read_changed_sent_deleted(hub: Client) -> None:
    made = send(hub, "POST", "/campaigns", {"title": "Spring"})["id"]
    send(hub, "PATCH", f"/campaigns/{made}", {"subject": "Sun"})
    send(hub, "POST", f"/campaigns/{made}/send", {"when": 1})
    shown = ok(hub.get(f"/campaigns/{made}"))
    assert (shown["title"], shown["subject"], shown["status"]) == ("Spring", "Sun", "SENT")
    send(hub, "PATCH", f"/campaigns/{made}/send", {"when": 2})
    send(hub, "DELETE", f"/campaigns/{made}")
    assert hub.get(f"/campaigns/{made}").status_code == 404


def test_one_page(hub: Client) -> None:
    assert ok(hub.get("/pages/p-0001"))["title"] == "Sign up"


def test_ping_proves_the_token(hub: Client, act_on: Sandbox) -> None:
    assert ok(hub.get("/ping"))["endpoint"] == "acton"
    act_on.account("POST", "/expire", {"access": True})
    assert ok(hub.get("/ping"))["endpoint"] == "acton"


def test_a_disabled_instance_answers_objects_alone(hub: Client, instance: Instance) -> None:
    Instance.objects.update(disabled=True)
    assert "contacts" in ok(hub.get("/objects"))
    assert hub.get("/lists").status_code == 403


def test_an_element_token_is_needed(api: Client, instance: Instance) -> None:
    assert api.get("/lists").status_code == 401


def test_act_ons_failures_are_told(hub: Client, act_on: Sandbox) -> None:
    act_on.account("POST", "/faults", {"kind": "error", "times": 1})
    assert hub.get("/lists").status_code == 502
    act_on.account("POST", "/faults", {"kind": "throttle", "times": 1})
    throttled = hub.get("/lists")
    assert throttled.status_code == 429
    assert int(throttled.headers["Retry-After"]) >= 1
    assert throttled.json()["providerMessage"]


def test_nulls_are_left_out_unless_they_are_wanted(hub: Client, instance: Instance) -> None:
    asked = "/lists/l-0001/contacts?fields=id,Nothing"
    assert list(ok(hub.get(asked))[0]) == ["id"]
    instance.configuration["filter.response.nulls"] = False
    instance.save()
    assert list(ok(hub.get(asked))[0]) == ["id", "Nothing"]
