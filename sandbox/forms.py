"""The forms of the sandbox's pages."""

from typing import Any

from django import forms

from sandbox import rows
from sandbox.faults import DEFAULT_DELAY_MS
from sandbox.models import ACCOUNT_NAME, Account, Fault, Inbox

LARGEST = 2_000_000_000


class NameForm(forms.Form):
    name = forms.RegexField(
        rf"\A{ACCOUNT_NAME}\Z",
        label="Name",
        error_messages={"invalid": "Use letters, digits and . @ _ + - only."},
    )


class ListForm(forms.Form):
    name = forms.CharField(label="Name of the new list", max_length=200)


class SettingsForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic when it runs
    class Meta:
        model = Account
        fields = ["ordering", "date_unit", "date_columns", "strict_refresh", "clock_offset_ms", "access_lifetime_s"]


class FaultForm(forms.Form):
    """A fault without its kind, which the pressed button names."""

    times = forms.IntegerField(
        label="For the next n calls", help_text="empty: until switched off",
        required=False, min_value=1, max_value=LARGEST, initial=1,
    )  # fmt: skip
    at = forms.IntegerField(label="Beginning with the n-th call", min_value=1, max_value=LARGEST, initial=1)
    path = forms.CharField(
        label="Only paths that contain", help_text="empty: what suits the fault", required=False, max_length=500
    )
    delay_ms = forms.IntegerField(
        label="Slow answer: milliseconds", min_value=0, max_value=600_000, initial=DEFAULT_DELAY_MS
    )
    status = forms.ChoiceField(
        label="Throttling and server error: status", required=False,
        choices=[("", "429 or 500"), *((str(code), str(code)) for code in (403, 429, 500, 502, 503))],
    )  # fmt: skip


class ContactForm(forms.Form):
    """One field a column; the names of the fields are the columns' places, since a column may be called anything."""

    def __init__(self, headers: list[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.headers = headers
        for place, name in enumerate(headers):
            self.fields[f"column_{place}"] = forms.CharField(label=name, required=False, max_length=1000)

    def values(self) -> rows.Values:
        return rows.Values({name: self.cleaned_data[f"column_{place}"] for place, name in enumerate(self.headers)})


class InboxKeyForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic when it runs
    class Meta:
        model = Inbox
        fields = ["key"]


class InboxFaultForm(forms.Form):
    status = forms.IntegerField(label="Answer with status", min_value=200, max_value=599, required=False)
    delay_ms = forms.IntegerField(label="Wait before answering (ms)", min_value=0, max_value=600_000, initial=0)
    location = forms.RegexField(r"\A[!-~]*\Z", label="Redirect to", required=False, max_length=2000)
    retry_after_s = forms.IntegerField(label="Retry-After (seconds)", min_value=0, max_value=LARGEST, required=False)
    drop = forms.BooleanField(label="Drop the connection", required=False)
    truncate = forms.BooleanField(label="Cut the answer's body short", required=False)
    times = forms.IntegerField(
        label="For the next n callbacks", help_text="empty: until switched off",
        required=False, min_value=1, max_value=LARGEST,
    )  # fmt: skip


FAULT_BUTTONS = Fault.Kind.choices
