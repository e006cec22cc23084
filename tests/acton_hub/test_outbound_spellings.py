"""Every spelling of a place inside, at creation and at sending (CONTRACT §3, DESIGN promise 8)."""

import ipaddress
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import requests
from django.test import Client

from acton_hub import outbound
from elements.acton import client as act_on_client
from elements.acton.exceptions import ActOnError
from instances.models import Instance

# Refused when they are given, without a look-up; and should one ever be stored, refused when it is sent to.
INSIDE = [
    # IPv4, however many parts and in whatever base
    "http://127.0.0.1/", "http://127.0.0.1:8080/", "http://127.1/", "http://127.0.1/", "http://127.255.255.254/",
    "http://2130706433/", "http://0x7f000001/", "http://0X7F.1/", "http://0x7f.0x0.0x0.0x1/", "http://017700000001/",
    "http://0177.0.0.01/", "http://0000177.0.0.1/", "http://127.0x1/", "http://0/", "http://0.0.0.0/", "http://0x0/",
    "http://10.0.0.1/", "http://10.1/", "http://167772161/", "http://012.0.0.1/", "http://172.16.0.1/",
    "http://172.31.255.255/", "http://192.168.1.1/", "http://192.168.257/", "http://0xc0a80101/", "http://3232235777/",
    "http://169.254.169.254/latest/meta-data/", "http://2852039166/", "http://0xa9fea9fe/", "http://169.16689662/",
    "http://0251.0376.0251.0376/", "http://100.64.0.1/", "http://100.100.100.200/", "http://192.0.0.192/",
    "http://168.63.129.16/", "http://198.18.0.1/", "http://224.0.0.1/", "http://239.255.255.250:1900/",
    "http://255.255.255.255/", "http://240.0.0.1/", "http://192.88.99.1/",
    # a dot at the end, other letters, other dots
    "http://127.0.0.1./", "http://2130706433./", "https://LOCALHOST/", "http://localhost./", "http://localhost:22/",
    "http://a.localhost/", "http://localhost.localdomain/", "http://localhost6/", "http://ip6-localhost/",
    "http://ip6-loopback/", "http://１２７.０.０.１/", "http://①②⑦.⓪.⓪.①/", "http://127。0。0。1/", "http://127．0．0．1/",
    "http://127｡0｡0｡1/", "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/", "http://ｌocalhost/", "http://𝟏𝟐𝟕.𝟎.𝟎.𝟏/", "http://loc\u00adalhost/",
    "http://1\u200b27.0.0.1/", "http://１６９.254。169．254/",
    # IPv6, and IPv4 within it
    "http://[::1]/", "http://[0:0:0:0:0:0:0:1]/", "http://[::]/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/",
    "http://[::FFFF:10.0.0.1]/", "http://[0:0:0:0:0:ffff:a9fe:a9fe]/", "http://[::127.0.0.1]/", "http://[::7f00:1]/",
    "http://[::ffff:0:127.0.0.1]/", "http://[64:ff9b::7f00:1]/", "http://[64:ff9b::169.254.169.254]/",
    "http://[64:ff9b:1::1]/", "http://[2002:7f00:1::]/", "http://[2002:a9fe:a9fe::1]/", "http://[2001::1]/",
    "http://[2001:db8::1]/", "http://[fe80::1]/", "http://[fe80::1%25eth0]/", "http://[fe80::1%eth0]/",
    "http://[::1%25lo]/", "http://[fec0::1]/", "http://[fc00::1]/", "http://[fd00:ec2::254]/", "http://[ff02::1]/",
    "http://[ff0e::1]/", "http://[100::1]/", "http://[5f00::1]/", "http://[3fff::1]/",
]  # fmt: skip
# What other programs may read otherwise than we do: nothing that is one of these is taken at all.
UNCLEAR = [
    "http://user@127.0.0.1/", "http://user:password@example.com/", "http://example.com@127.0.0.1/", "http://@127.0.0.1/",
    "http://example.com#@127.0.0.1\\/", "http://127.0.0.1\\@example.com/", "http:\\\\127.0.0.1/", "http:127.0.0.1/",
    "http:/127.0.0.1/", "http:///127.0.0.1/", "//127.0.0.1/", "127.0.0.1", "http://127.0.0.1 .example.com/",
    "http://exam\tple.com/", "http://example.com\r\nHost: 127.0.0.1/", "http://127.0.0.1%2f.example.com/",
    "http://%31%32%37.0.0.1/", "http://127.0.0.%31/", "http://127.0.0.1%00.example.com/", "http://1.2.3.4.5/",
    "http://256.0.0.1/", "http://127.0.0.1.1/", "http://4294967297/", "http://example.0x7f/", "http://[127.0.0.1]/",
    "http://[::1/", "http://::1/", "http://[v1.x]/", "http://[::1]evil/", "http://example.com:0/", "http://example.com:99999/",
    "http://example.com:80:80/", "http://.example.com/", "http://example..com/", "http://exa$mple.com/",
    "file:///etc/passwd", "gopher://127.0.0.1:6379/_FLUSHALL", "ftp://10.0.0.1/", "javascript:alert(1)", "dict://127.0.0.1/",
    "http://" + "a" * 64 + ".example/", "http://xn--/",
]  # fmt: skip
OUTSIDE = [
    "https://example.com/events", "http://EXAMPLE.com:8443/a?b=c#d", "https://1.1.1.1/", "http://[2606:4700::1111]/",
    "https://münchen.example/", "https://xn--mnchen-3ya.example/", "http://10.example/", "https://localhost.example.com/",
    "http://my_service.example/", "https://127.0.0.1.example.com/", "http://3com.example/", "https://a.b.c.d.e.f.example./",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _nothing_private(settings: Any) -> None:
    settings.OUTBOUND_ALLOW_PRIVATE = []


@pytest.fixture
def _no_look_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def looked_up(*args: Any, **given: Any) -> None:
        raise AssertionError(f"looked up: {args}")

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Where sockets were connected to; none of them gets anywhere."""
    to: list[Any] = []

    def connect(self: Any, address: Any) -> None:
        to.append(address)
        raise OSError("not in this test")

    monkeypatch.setattr(socket.socket, "connect", connect)
    return to


def body(url: str, key: str = "event.notification.callback.url") -> dict[str, Any]:
    configuration = {
        "oauth.api.key": "k", "oauth.api.secret": "s", "oauth.callback.url": "https://app.example/auth",
        "event.notification.enabled": True, "event.notification.callback.url": "https://app.example/events",
    }  # fmt: skip
    configuration[key] = url
    return {
        "element": {"key": "acton"}, "providerData": {"code": "c"}, "name": "x", "configuration": configuration,
    }  # fmt: skip


def test_the_table_is_long_enough() -> None:
    assert len(set(INSIDE + UNCLEAR)) == len(INSIDE) + len(UNCLEAR) > 120


@pytest.mark.django_db
@pytest.mark.usefixtures("_no_look_up")
def test_at_creation_each_is_a_400_that_names_the_field_and_nothing_is_looked_up(api: Client) -> None:
    for url in INSIDE + UNCLEAR:
        for path, sent, field in (
            ("/instances", body(url), "event.notification.callback.url"),
            ("/instances", body(url, "base.url"), "base.url"),
            ("/notifications/subscriptions", {"topics": ["t"], "config": {"url": url}}, "config.url"),
        ):
            answer = api.post(path, sent, content_type="application/json")
            assert answer.status_code == 400, f"{path} {url!r}: {answer.status_code} {answer.content.decode()}"
            assert field in answer.json()["message"], url
    assert not Instance.objects.exists()


@pytest.mark.django_db
@pytest.mark.usefixtures("_no_look_up")
@pytest.mark.parametrize("url", OUTSIDE)
def test_what_is_outside_is_taken_without_a_look_up(api: Client, url: str) -> None:
    sent = {"topics": ["t"], "config": {"url": url}}
    assert api.post("/notifications/subscriptions", sent, content_type="application/json").status_code == 200


def test_at_sending_none_of_them_is_connected_to(connected: list[Any]) -> None:
    for url in INSIDE + UNCLEAR:
        with outbound.session() as session, pytest.raises((requests.RequestException, ValueError)):
            session.post(url, data=b"{}")
    assert connected == []


def test_a_call_of_act_on_goes_through_the_same_guard(connected: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A host on the allow-list whose name leads inside, be it for a moment."""
    entries = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **given: entries)
    with pytest.raises(ActOnError, match=r"points to 169\.254\.169\.254"):
        act_on_client.request("GET", "https://api.actonsoftware.com/api/1/list", token="t")
    assert connected == []


class Answering(BaseHTTPRequestHandler):
    """Says where it is; and at /away sends on to the place inside."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append(self.path)  # type: ignore[attr-defined]
        self.send_response(307 if self.path == "/away" else 200)
        self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/inside")  # type: ignore[attr-defined]
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def sides(settings: Any) -> Iterator[tuple[HTTPServer, HTTPServer]]:
    """Two servers on one port: 127.0.0.2, which counts as outside here, and 127.0.0.1, which must not be reached."""
    settings.OUTBOUND_ALLOW_PRIVATE = [ipaddress.ip_network("127.0.0.2/32")]
    with ExitStack() as stack:
        outside = stack.enter_context(HTTPServer(("127.0.0.2", 0), Answering))
        inside = stack.enter_context(HTTPServer(("127.0.0.1", outside.server_port), Answering))
        for server in (outside, inside):
            server.seen = []  # type: ignore[attr-defined]
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
        yield outside, inside


def test_a_name_that_changes_between_check_and_use_is_used_as_it_was_checked(
    sides: tuple[HTTPServer, HTTPServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    outside, inside = sides
    looks: list[str] = []

    def rebinding(host: str, port: int, *args: Any, **given: Any) -> Any:
        """Outside at the first look, inside ever after, as an attacker's name server answers."""
        if host == "rebind.example":
            looks.append(host)
            host = "127.0.0.2" if len(looks) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    with outbound.session() as session:
        assert session.post(f"http://rebind.example:{outside.server_port}/", data=b"{}").status_code == 200
        with pytest.raises(outbound.Forbidden):  # and again at the next request, though the connection is kept
            session.post(f"http://rebind.example:{outside.server_port}/", data=b"{}")
    assert len(looks) == 2, "one look-up a request"
    assert outside.seen == ["/"]  # type: ignore[attr-defined]
    assert inside.seen == []  # type: ignore[attr-defined]


def test_a_redirect_inside_is_an_answer_and_no_way(sides: tuple[HTTPServer, HTTPServer]) -> None:
    outside, inside = sides
    with outbound.session() as session:
        answer = session.post(f"http://127.0.0.2:{outside.server_port}/away", data=b"{}", allow_redirects=True)
    assert answer.status_code == 307
    assert inside.seen == []  # type: ignore[attr-defined]
