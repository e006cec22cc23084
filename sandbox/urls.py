"""Below the sandbox's base everything under `/authorize`, `/token` and `/api` looks like Act-On's own host."""

from django.urls import path, re_path

from sandbox import api, control, inbox, oauth, pages, pages_inbox, things
from sandbox.calls import api_call

app_name = "sandbox"
_ACCOUNT = "control/accounts/<str:name>"
_LIST = f"{_ACCOUNT}/lists/<str:list_id>"

urlpatterns = [
    path("", pages.accounts, name="accounts"),
    path("accounts/<str:name>", pages.account, name="account"),
    path("accounts/<str:name>/settings", pages.change_settings, name="settings"),
    path("accounts/<str:name>/reset", pages.reset_limits, name="reset"),
    path("accounts/<str:name>/faults", pages.add_fault, name="faults"),
    path("accounts/<str:name>/faults/end", pages.end_faults, name="end_faults"),
    path("accounts/<str:name>/faults/<int:fault_id>/end", pages.end_faults, name="end_fault"),
    path("accounts/<str:name>/lists", pages.add_list, name="lists"),
    path("accounts/<str:name>/lists/<str:list_id>", pages.contact_list, name="list"),
    path("accounts/<str:name>/lists/<str:list_id>/bulk", pages.change_many, name="bulk"),
    path("accounts/<str:name>/lists/<str:list_id>/contacts/<int:record>", pages.change_contact, name="contact"),
    # Act-On's own addresses
    path("authorize", oauth.authorize, name="authorize"),
    path("token", oauth.token, name="token"),
    path("api/1/list", api.lists_endpoint, name="api_lists"),
    path("api/1/list/optout", api_call(GET=things.table(things.OPT_OUT), PUT=things.opt_out)),
    path("api/1/list/hardbounce", api_call(GET=things.table(things.HARD_BOUNCE))),
    path("api/1/list/spamcomplaint", api_call(GET=things.table(things.COMPLAINT))),
    path("api/1/list/<str:list_id>", api.list_endpoint),
    path("api/1/list/<str:list_id>/record", api.records_endpoint),
    path("api/1/list/<str:list_id>/record/<str:record_id>", api.record_endpoint),
    path("api/1/subscription/category", api_call(GET=things.listing(things.CATEGORY))),
    path("api/1/subscription/optout", api_call(PUT=things.opt(opted_in=False))),
    path("api/1/subscription/optin", api_call(PUT=things.opt(opted_in=True))),
    path("api/1/message", api_call(GET=things.listing(things.MESSAGE), POST=things.add_one(things.MESSAGE))),
    path(
        "api/1/message/<str:thing_id>",
        api_call(
            GET=things.one(things.MESSAGE),
            PUT=things.change_one(things.MESSAGE),
            DELETE=things.delete_one(things.MESSAGE),
        ),
    ),
    path("api/1/message/<str:thing_id>/report", api_call(GET=things.report(things.MESSAGE))),
    path("api/1/message/<str:thing_id>/report/<str:drilldown>", api_call(GET=things.report(things.MESSAGE))),
    path("api/1/message/<str:thing_id>/send", api_call(POST=things.send, PUT=things.send)),
    path("api/1/page", api_call(GET=things.listing(things.PAGE))),
    path("api/1/page/<str:thing_id>", api_call(GET=things.one(things.PAGE))),
    path("api/1/page/<str:thing_id>/report", api_call(GET=things.report(things.PAGE))),
    path("api/1/form", api_call(GET=things.listing(things.FORM))),
    path("api/1/form/<str:thing_id>/report", api_call(GET=things.report(things.FORM))),
    path("api/1/program", api_call(GET=things.listing(things.PROGRAM))),
    path("api/1/account/senders", api_call(GET=things.listing(things.SENDER))),
    re_path(r"^api(?:/.*)?$", api.nothing),
    # Callbacks
    path("inbox/", pages_inbox.inboxes, name="inboxes"),
    path("inbox/<str:name>.json", inbox.messages_endpoint, name="messages"),
    path("inbox/<str:name>", inbox.inbox_endpoint, name="inbox"),
    path("inbox/<str:name>/settings", pages_inbox.change_inbox, name="inbox_settings"),
    path("inbox/<str:name>/fault", pages_inbox.change_fault, name="inbox_fault"),
    path("inbox/<str:name>/clear", pages_inbox.clear, name="inbox_clear"),
    # For tests and scripts
    path("control/accounts", control.accounts_endpoint),
    path(_ACCOUNT, control.account_endpoint),
    path(f"{_ACCOUNT}/counters", control.counters_endpoint),
    path(f"{_ACCOUNT}/reset", control.reset_endpoint),
    path(f"{_ACCOUNT}/requests", control.requests_endpoint),
    path(f"{_ACCOUNT}/faults", control.faults_endpoint),
    path(f"{_ACCOUNT}/faults/<int:fault_id>", control.fault_endpoint),
    path(f"{_ACCOUNT}/expire", control.expire_endpoint),
    path(f"{_ACCOUNT}/lists", control.lists_endpoint),
    path(_LIST, control.list_endpoint),
    path(f"{_LIST}/contacts", control.contacts_endpoint),
    path(f"{_LIST}/contacts/<str:record_id>", control.contact_endpoint),
    path("control/codes", control.codes_endpoint),
    path("control/inboxes", inbox.control_inboxes_endpoint),
    path("control/inboxes/<str:name>", inbox.control_inbox_endpoint),
    path("control/inboxes/<str:name>/messages", inbox.control_messages_endpoint),
    re_path(r"^control(?:/.*)?$", control.nothing_endpoint),
]
