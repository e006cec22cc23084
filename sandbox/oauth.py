"""`/authorize` (a page) and `/token`, as Act-On has them below its host."""

import re
from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt

from sandbox import contacts, faults, limits, tokens
from sandbox.calls import path_of
from sandbox.clock import now_ms
from sandbox.models import ACCOUNT_NAME, Account, AuthorizationCode, Call, TokenPair
from sandbox.wire import set_date

WRONG_PASSWORD = "wrong"  # noqa: S105  the one password that is refused
DEFAULT_USER = "sandbox"
MOST_CHARACTERS = 2000


class LoginForm(forms.Form):
    user = forms.RegexField(
        rf"\A{ACCOUNT_NAME}\Z",
        label="Act-On user name",
        initial=DEFAULT_USER,
        error_messages={"invalid": "Use letters, digits and . @ _ + - only."},
        widget=forms.TextInput(attrs={"id": "oauth_user_name", "autocomplete": "username"}),
    )
    password = forms.CharField(
        label="Password",
        initial="anything",
        widget=forms.PasswordInput(
            attrs={"id": "oauth_user_password", "autocomplete": "current-password"}, render_value=True
        ),
    )

    def clean_password(self) -> str:
        password = str(self.cleaned_data["password"])
        if password == WRONG_PASSWORD:
            raise forms.ValidationError("This password is refused, as the sandbox's one wrong password.")
        return password


class Question:
    """What an application asks for at `/authorize`; `problem` says what is wrong with it."""

    def __init__(self, query: "dict[str, str]") -> None:
        self.client_id = query.get("client_id", "").strip()
        self.redirect_uri = query.get("redirect_uri", "").strip()
        self.state = query.get("state", "")
        self.scope = query.get("scope", "")
        self.problem = self._problem(query.get("response_type", ""))

    def _problem(self, response_type: str) -> str:
        if response_type != "code":
            return "response_type must be code"
        if not self.client_id or len(self.client_id) > 255:
            return "client_id is missing or too long: it is the application's API key"
        return redirect_problem(self.redirect_uri)

    def answer(self, **parameters: str) -> HttpResponse:
        """Back to the application, with `state` where it sent one."""
        query = parameters | ({"state": self.state} if self.state else {})
        joint = "&" if urlsplit(self.redirect_uri).query else "?"
        return HttpResponseRedirect(f"{self.redirect_uri}{joint}{urlencode(query)}")


def redirect_problem(redirect_uri: str) -> str:
    """What is wrong with a redirect address; nothing where it can be used."""
    if len(redirect_uri) > MOST_CHARACTERS:
        return "redirect_uri is too long"
    try:
        parts = urlsplit(redirect_uri)
    except ValueError:
        return "redirect_uri is not a URL"
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.fragment or re.search(r"\s", redirect_uri):
        return "redirect_uri must be an absolute http(s) URL without a fragment"
    return ""


def authorize(request: HttpRequest) -> HttpResponse:
    """The page where one logs in and lets an application use the account; `auto=1` skips it."""
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponse(status=405, headers={"Allow": "GET, POST"})
    question = Question(request.GET.dict())  # a form without action is sent to the page's own address
    if question.problem:
        return render(request, "sandbox/authorize.html", {"problem": question.problem}, status=400)
    if request.method == "POST" and "refuse" in request.POST:
        return question.answer(error="access_denied", error_description="The user refused")
    if request.GET.get("auto") == "1":
        form = LoginForm({"user": request.GET.get("user") or DEFAULT_USER, "password": "any"})
    else:
        form = LoginForm(request.POST) if request.method == "POST" else LoginForm()
    if form.is_valid():
        account = contacts.account_for(form.cleaned_data["user"])
        return question.answer(code=tokens.issue_code(account, question.client_id, question.redirect_uri))
    status = 400 if form.is_bound else 200
    return render(request, "sandbox/authorize.html", {"question": question, "form": form}, status=status)


@csrf_exempt
def token(request: HttpRequest) -> HttpResponse:
    """The token call; it counts for the account that its grant belongs to, whether it is honoured or not."""
    at_ms = now_ms()
    if request.method != "POST":
        return HttpResponse(status=405, headers={"Allow": "POST"})
    form = request.POST.dict()
    grant = _GRANTS.get(form.get("grant_type", ""))
    if grant is None:
        return _refusal(tokens.Refused(400, "unsupported_grant_type", "grant_type is not supported"))
    whose, redeem = grant
    account = whose(form)
    if account is None:
        return _produce(form, redeem)
    admission = limits.admit(account.pk, Call.Kind.TOKEN, "POST", path_of(request), at_ms)
    if admission.refusal:
        response = faults.throttled(admission.refusal)
        status = response.status_code
    else:
        response, status = faults.answer(admission.faults, request, account, lambda: _produce(form, redeem))
    limits.answered(admission.call_id, status)
    if status:
        set_date(request, response, account.now_ms(), shifted=bool(account.clock_offset_ms))
    return response


def _produce(form: dict[str, str], redeem: "Redeem") -> HttpResponse:
    try:
        tokens.check_client(form.get("client_id", ""), form.get("client_secret", ""))
        pair = redeem(form)
    except tokens.Refused as refused:
        return _refusal(refused)
    return JsonResponse(
        {
            "access_token": pair.access_token,
            "refresh_token": pair.refresh_token,
            "scope": "offline-access",
            "token_type": "Bearer",
            "expires_in": pair.account.access_lifetime_s,
        }
    )


def _refusal(refused: tokens.Refused) -> HttpResponse:
    return JsonResponse({"error": refused.error, "error_description": refused.description}, status=refused.status)


def _whose_code(form: dict[str, str]) -> Account | None:
    row = AuthorizationCode.objects.select_related("account").filter(code=form.get("code", "")).first()
    return row.account if row else None


def _whose_refresh_token(form: dict[str, str]) -> Account | None:
    token_ = form.get("refresh_token", "")
    pair = TokenPair.objects.select_related("account").filter(refresh_token=token_).first()
    return pair.account if pair else None


def _whose_password(form: dict[str, str]) -> Account | None:
    return Account.objects.filter(name=form.get("username", "")).first()


def _redeem_code(form: dict[str, str]) -> TokenPair:
    return tokens.redeem_code(
        form["client_id"], form["client_secret"], form.get("code", ""), form.get("redirect_uri", "")
    )


def _redeem_refresh_token(form: dict[str, str]) -> TokenPair:
    return tokens.refresh(form["client_id"], form["client_secret"], form.get("refresh_token", ""))


def _redeem_password(form: dict[str, str]) -> TokenPair:
    login = LoginForm({"user": form.get("username", ""), "password": form.get("password", "")})
    if not login.is_valid():
        raise tokens.bad_grant("The user name or the password is wrong")
    return tokens.log_in(form["client_id"], form["client_secret"], contacts.account_for(login.cleaned_data["user"]))


Redeem = Callable[[dict[str, str]], TokenPair]
_GRANTS: dict[str, tuple[Callable[[dict[str, str]], Account | None], Redeem]] = {
    "authorization_code": (_whose_code, _redeem_code),
    "refresh_token": (_whose_refresh_token, _redeem_refresh_token),
    "password": (_whose_password, _redeem_password),
}
