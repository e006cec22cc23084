"""Production settings behind a plain TLS proxy, tried out; and no planted secret to be found anywhere afterwards."""

import base64
import gzip
import json
import re
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pyotp
import pytest
import requests
from cryptography.fernet import Fernet

from tests.receiver import Receiver, receiving
from tests.running import RunningHub, wait_until
from tests.stub_act_on import StubActOn, stub_act_on
from tests.tls_proxy import certificate, tls_proxy

EMAIL = "ops@example.com"
PASSWORD = "planted-Password-8Kq"
USER_SECRET = "planted+User/Secret=8KqWx2"
ORGANIZATION_SECRET = "planted+Organization/Secret=8KqWx2"
MIB = 1024**2
MOST_GROWTH_KIB = 24 * 1024


class ProductionHub(RunningHub):
    settings = "acton_hub.settings"


@dataclass
class Production:
    """A production hub, reached through its proxy alone."""

    running: ProductionHub
    url: str
    pem: Path
    act_on: StubActOn
    callback: Receiver
    answers: list[str] = field(default_factory=list)  # whatever the hub said, headers and body

    def browser(self) -> requests.Session:
        session = requests.Session()
        session.verify = str(self.pem)
        session.trust_env = False
        session.hooks["response"].append(self._keep)
        return session

    def _keep(self, answer: requests.Response, *args: Any, **more: Any) -> None:
        if not answer.request.url or "/instances/" in answer.request.url or answer.request.method == "GET":
            self.answers.append(f"{answer.headers}\n{answer.text}")

    def api(self, method: str, path: str, body: Any = None, *, token: str = "", **more: Any) -> requests.Response:
        header = f"User {USER_SECRET}, Organization {ORGANIZATION_SECRET}" + (f", Element {token}" if token else "")
        given = more if body is None else more | {"json": body}
        with self.browser() as session:
            return session.request(method, self.url + path, headers={"Authorization": header}, timeout=120, **given)


def post_form(session: requests.Session, url: str, **fields: str) -> requests.Response:
    """As a browser does: the page's own token, and where it came from."""
    page = session.get(url, timeout=60)
    return submit(session, page, url, **fields)


def submit(session: requests.Session, page: requests.Response, url: str, **fields: str) -> requests.Response:
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
    assert token is not None, page.text
    form = {"csrfmiddlewaretoken": token[1]} | fields
    return session.post(url, data=form, headers={"Referer": page.url}, timeout=60)


@pytest.fixture
def production(tmp_path: Path) -> Iterator[Production]:
    pem = certificate(tmp_path)
    with ExitStack() as stack:
        act_on = stack.enter_context(stub_act_on())
        callback = stack.enter_context(receiving())
        listener = socket.create_server(("127.0.0.1", 0))
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        running = ProductionHub(
            tmp_path / "data", PUBLIC_URL=url, BEHIND_PROXY="true", SECRET_KEY="planted-SecretKey-" + "8KqWx2zj" * 5,
            ENCRYPTION_KEYS=Fernet.generate_key().decode(), OUTBOUND_ALLOW_PRIVATE="127.0.0.0/8",
            ACTON_API_URL=act_on.url, BOOTSTRAP_ADMIN_EMAIL=EMAIL, BOOTSTRAP_ADMIN_PASSWORD=PASSWORD,
            BOOTSTRAP_USER_SECRET=USER_SECRET, BOOTSTRAP_ORGANIZATION_SECRET=ORGANIZATION_SECRET,
        )  # fmt: skip
        stack.callback(running.close)
        running.start()
        stack.enter_context(tls_proxy(listener, pem, running.port))
        yield Production(running, url, pem, act_on, callback)


def configuration(production: Production, **more: str) -> dict[str, Any]:
    return {
        "oauth.api.key": "planted-ApiKey-8Kq", "oauth.api.secret": "planted-ApiSecret-8Kq",
        "oauth.callback.url": f"{production.url}/oauth/callback", "event.notification.enabled": True,
        "event.notification.callback.url": production.callback.url,
        "event.notification.signature.key": "planted-SignatureKey-8Kq",
        "event.notification.basic.username": "receiver", "event.notification.basic.password": "planted-Basic-8Kq",
        "event.webhook.secret": "planted-WebhookSecret-8Kq", "event.webhook.signature.header": "X-Act-On",
        "my.own.api_key": "planted-Unknown-8Kq", **more,
    }  # fmt: skip


def create(production: Production, code: str = "good") -> requests.Response:
    body = {"element": {"key": "acton"}, "providerData": {"code": code}, "name": "P", "tags": ["t"]}
    return production.api("POST", "/instances", body | {"configuration": configuration(production)})


def memory_kib(production: Production) -> int:
    (pid,) = production.running.named("hub-web-serving")
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1])


def test_people_log_in_and_applications_call_through_a_tls_proxy(production: Production, tmp_path: Path) -> None:
    console = f"{production.url}/console"
    with production.browser() as browser:
        page = browser.get(f"{console}/instances", timeout=60)
        assert page.url == f"{console}/login?next=/console/instances"
        assert "max-age=31536000" in page.headers["Strict-Transport-Security"]
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert page.headers["Referrer-Policy"] == "same-origin"
        assert page.headers["X-Frame-Options"] == "DENY"
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        inside = post_form(browser, f"{console}/login?next=/console/instances", username=EMAIL, password=PASSWORD)
        assert inside.url == f"{console}/instances"
        assert all(cookie.secure and cookie.has_nonstandard_attr("HttpOnly") == ("session" in cookie.name)
                   for cookie in browser.cookies)  # fmt: skip
        assert {cookie.get_nonstandard_attr("SameSite") for cookie in browser.cookies} == {"Lax"}
        foreign = {"Referer": "https://evil.example/", "Origin": "https://evil.example"}
        page = browser.get(f"{console}/instances", timeout=60)
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
        form = {"csrfmiddlewaretoken": token[1] if token else ""}
        assert browser.post(f"{console}/logout", data=form, headers=foreign, timeout=60).status_code == 403
        audit = browser.get(f"{console}/audit", headers={"X-Forwarded-For": "6.6.6.6"}, timeout=60).text
        assert "127.0.0.1" in audit
        assert browser.get(f"{production.url}/instances", timeout=60).status_code == 401, "the API knows no cookie"
    plain = requests.get(f"{production.running.url}/console/login", timeout=60)
    assert "Strict-Transport-Security" not in plain.headers, "who did not come by TLS is not told that it was"
    made = create(production)
    assert made.status_code == 200, made.text
    upload_is_streamed(production, made.json()["token"], tmp_path)


def upload_is_streamed(production: Production, token: str, folder: Path) -> None:
    """90 MiB go through the web server to Act-On, and its memory does not grow by a fraction of it."""
    path = folder / "contacts.csv"
    with path.open("wb") as file:
        for _ in range(90):
            file.write(b"jane@example.com,Jane\n" * (MIB // 22))
    before = memory_kib(production)
    with path.open("rb") as file:
        form = {"list": (None, json.dumps({"listname": "Large"})), "file": ("contacts.csv", file, "text/csv")}
        # requests would read the whole of it to make a form; this way it is told its length and sent piece by piece
        answer = production.api("POST", "/lists", token=token, files=form)
    assert answer.status_code == 200, answer.text
    assert production.act_on.uploaded > path.stat().st_size
    assert memory_kib(production) - before < MOST_GROWTH_KIB


def switch_two_factor_on(production: Production, browser: requests.Session) -> list[str]:
    """By the pages, as people do; returns the seed and the recovery codes."""
    page_url = f"{production.url}/console/account/two-factor"
    page = submit(browser, browser.get(page_url, timeout=60), f"{page_url}/begin")
    found = re.search(r"<code>([A-Z2-7]{32})</code>", page.text)
    assert found is not None
    production.answers.clear()  # the one page that shows the seed
    code = pyotp.TOTP(found[1]).now()
    on = submit(browser, page, f"{page_url}/on", password=PASSWORD, code=code)
    codes = re.findall(r"(?:[a-z2-7]{4}-){3}[a-z2-7]{4}", on.text)
    assert len(codes) == 10
    production.answers.clear()  # and the one that shows the codes
    return [found[1], *codes]


def exercise(production: Production) -> list[str]:
    """Use all of the hub, its errors too; returns the secrets that came into the world by it."""
    refused = create(production, code="planted-Code-8Kq")
    assert refused.status_code == 400
    assert "refused" in refused.json()["providerMessage"]
    production.answers.append(refused.text)
    made = create(production).json()
    instance, token = made["id"], made["token"]
    key = production.api("GET", f"/instances/{instance}/webhook").json()["url"].partition("key=")[2]
    production.answers.clear()  # the one call that tells the secret address
    for path, signature in ((f"?key={key}", "wrong"), ("?key=wrong", "")):
        answer = requests.post(
            f"{production.running.url}/events/acton/{instance}{path}", json={"id": 1}, headers={"X-Act-On": signature},
            timeout=60,
        )  # fmt: skip
        assert answer.status_code == 401
        production.answers.append(answer.text)
    production.callback.answers[:] = [500]
    poll(production, instance)
    wait_until(lambda: production.callback.received, 60, "a delivery was tried")
    production.act_on.fails = True
    assert poll(production, instance)["status"] == "failed"
    production.api("GET", "/lists", token=token)
    for path in ("", "/events", "/polls", "/configuration", "/docs"):
        answer = production.api("GET", f"/instances/{instance}{path}")
        if path == "":
            production.answers[-1] = answer.text.replace(token, "")  # CONTRACT §1: as the platform does
    production.api("GET", "/notifications/subscriptions/deliveries?hydrate=true")
    production.api("GET", "/metrics")
    with production.browser() as browser:
        post_form(browser, f"{production.url}/console/login", username=EMAIL, password="planted-Wrong-8Kq")
        post_form(browser, f"{production.url}/console/login", username=EMAIL, password=PASSWORD)
        made_up = switch_two_factor_on(production, browser)
        look_at_pages(production, browser, instance)
    break_and_look(production)
    return [token, key, *made_up, *production.act_on.tokens]


def poll(production: Production, instance: int) -> dict[str, Any]:
    poll_id = production.api("POST", f"/instances/{instance}/poll").json()[0]["pollId"]

    def ended() -> dict[str, Any] | None:
        rows = production.api("GET", f"/instances/{instance}/polls").json()
        return next((row for row in rows if row["id"] == poll_id and row["finishedAt"]), None)

    return wait_until(ended, 60, "the poll ends")


def look_at_pages(production: Production, browser: requests.Session, instance: int) -> None:
    admin = [f"admin/{model}/" for model in (
        "accounts/user", "accounts/organization", "accounts/twofactor", "instances/instance", "elements/connection",
        "events/event", "events/notification", "events/attempt", "events/delivery", "polling/poll",
    )]  # fmt: skip
    pages = ["", "instances", f"instances/{instance}", f"instances/{instance}/edit", "events", "events/1", "audit"]
    pages += ["events.csv", "events.ndjson", "events/999999", "account", "account/two-factor", *admin]
    pages += [f"{page}1/change/" for page in admin]
    for page in pages:
        answer = browser.get(f"{production.url}/console/{page}", timeout=60)
        assert answer.status_code in (200, 404), page
        if page.endswith(("csv", "ndjson")):
            assert "l-0001:1" in answer.text


def break_and_look(production: Production) -> None:
    """A defect, with its traceback in the log: rows that are not as they must be, for a moment."""
    for statement, status in (
        ("UPDATE instances_instance SET tags = '5'", 500),
        ("UPDATE instances_instance SET tags = '[\"mended\"]'", 200),
    ):
        change_database(production.running, statement)
        assert production.api("GET", "/instances?tags[]=mended").status_code == status
    production.answers.pop()  # it tells the token, as the platform does
    assert "Traceback" in production.running.output()


def change_database(running: RunningHub, statement: str) -> None:
    if running.on_sqlite:
        with closing(sqlite3.connect(running.folder / "hub.sqlite3", timeout=20)) as hub:
            hub.execute("PRAGMA legacy_alter_table = ON")
            hub.execute(statement)
            hub.commit()
    else:
        with psycopg.connect(running.env["DATABASE_URL"]) as hub:
            hub.execute(statement.encode())


def spellings(secret: str) -> set[bytes]:
    """The secret as it is, and as it would stand in a URL, in JSON, in HTML, in base64 or in hex."""
    raw = secret.encode()
    forms = {secret, quote(secret, safe=""), json.dumps(secret)[1:-1], secret.replace("+", "&#43;"), raw.hex()}
    forms |= {base64.b64encode(raw).decode().rstrip("="), base64.b64encode(f"receiver:{secret}".encode()).decode()}
    return {form.encode() for form in forms}


def everything(production: Production, tmp_path: Path) -> Iterator[tuple[str, bytes]]:
    """Whatever the hub left or shows anywhere, by where it is."""
    running = production.running
    yield "the answers", "\n".join(production.answers).encode()
    yield "the log", running.output().encode()
    for path in running.folder.rglob("*"):
        if path.is_file():
            yield str(path.name), path.read_bytes()
    if not running.on_sqlite:
        with psycopg.connect(running.env["DATABASE_URL"]) as hub:
            names = hub.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            for (name,) in names:
                rows = hub.execute(f'SELECT t::text FROM "{name}" t'.encode()).fetchall()  # noqa: S608
                yield f"table {name}", str(rows).encode()
    assert running.manage("backup", str(tmp_path / "backup.gz")).returncode == 0
    yield "the backup", gzip.decompress((tmp_path / "backup.gz").read_bytes())
    for pid in running.processes():
        process = Path(f"/proc/{pid}")
        yield f"the command line of {pid}", (process / "cmdline").read_bytes()
        assert (process / "environ").stat().st_mode & 0o077 == 0, "others see no environment"


def test_no_planted_secret_is_found_anywhere(production: Production, tmp_path: Path) -> None:
    secrets = exercise(production)
    secrets += [USER_SECRET, ORGANIZATION_SECRET, PASSWORD, "planted-Wrong-8Kq", "planted-Code-8Kq"]
    secrets += [value for value in configuration(production).values() if "planted" in str(value)]
    secrets += [production.running.env["SECRET_KEY"], production.running.env["ENCRYPTION_KEYS"]]
    assert len(secrets) > 25
    places = list(everything(production, tmp_path))
    assert {"the log", "the answers", "the backup"} < {where for where, _ in places}
    forms = {secret: spellings(secret) for secret in secrets}
    found = [(where, secret) for where, text in places for secret in secrets if any(s in text for s in forms[secret])]
    # An OAuth client id travels in the browser's address; the form of an instance shows it to operators.
    assert [each for each in found if each != ("the answers", "planted-ApiKey-8Kq")] == []
    # And the search itself finds what is there.
    assert any(b"jane@example.com" in text for where, text in places if where == "the backup")
    assert b"********" in dict(places)["the answers"]
