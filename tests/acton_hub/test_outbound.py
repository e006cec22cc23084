"""Where callbacks may go (CONTRACT §3, §6; DESIGN promise 8)."""

import ipaddress
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import requests

from acton_hub import outbound

PRIVATE = [
    "127.0.0.1",
    "127.1",
    "0x7f.1",
    "0177.0.0.1",
    "2130706433",
    "0x7f000001",
    "017700000001",
    "127.0.0.1.",
    "0.0.0.0",
    "0",
    "10.0.0.1",
    "10.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "192.168.257",
    "169.254.169.254",
    "0xa9fea9fe",
    "2852039166",
    "169.254.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "192.88.99.1",
    "168.63.129.16",
    "::1",
    "::",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "::7f00:1",
    "fe80::1",
    "fe80::1%lo",
    "fec0::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "ff0e::1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2001:db8::1",
    "2001::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::",
    "100::1",
    "5f00::1",
    "3fff::1",
    "2001:20::1",
    "2001:10::1",
]
PUBLIC = ["1.1.1.1", "8.8.8.8", "16843009", "0x08080808", "2606:4700::1111", "::ffff:1.1.1.1"]


@pytest.mark.parametrize("spelling", PRIVATE)
def test_no_spelling_of_a_private_address_is_allowed(spelling: str) -> None:
    address = outbound.literal_address(spelling.rstrip("."))
    assert address is not None
    assert not outbound.is_allowed(address, [])


@pytest.mark.parametrize("spelling", PUBLIC)
def test_public_addresses_are_allowed(spelling: str) -> None:
    address = outbound.literal_address(spelling)
    assert address is not None
    assert outbound.is_allowed(address, [])


@pytest.mark.parametrize("name", ["example.com", "localhost", "", "1.2.3.4.5", "a b", "0x", "ü.example", "127.0.0.1\0"])
def test_a_name_is_no_literal_address(name: str) -> None:
    assert outbound.literal_address(name) is None


def test_a_named_network_is_opened_and_no_other() -> None:
    allowed: list[outbound.Network] = [ipaddress.ip_network("10.1.0.0/16")]
    assert outbound.is_allowed(ipaddress.ip_address("10.1.2.3"), allowed)
    assert outbound.is_allowed(ipaddress.ip_address("::ffff:10.1.2.3"), allowed)
    assert not outbound.is_allowed(ipaddress.ip_address("10.2.0.1"), allowed)
    assert not outbound.is_allowed(ipaddress.ip_address("127.0.0.1"), allowed)


class Redirecting(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.hosts.append(self.headers["Host"])  # type: ignore[attr-defined]
        self.send_response(302 if self.path == "/away" else 200)
        self.send_header("Location", "http://127.0.0.1:1/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), Redirecting) as server:
        server.hosts = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]", "127.1"])
def test_the_session_refuses_at_the_connection(settings: object, host: str) -> None:
    settings.OUTBOUND_ALLOW_PRIVATE = []  # type: ignore[attr-defined]
    with outbound.session() as session, pytest.raises(outbound.Forbidden):
        session.get(f"http://{host}:9/")


def test_an_allowed_address_gets_the_name_as_host_and_redirects_are_not_followed(server: HTTPServer) -> None:
    with outbound.session() as session:
        response = session.get(f"http://localhost:{server.server_port}/away")
    assert response.status_code == 302
    assert server.hosts == [f"localhost:{server.server_port}"]  # type: ignore[attr-defined]


def test_a_proxy_of_the_environment_is_no_way_around(monkeypatch: pytest.MonkeyPatch, settings: object) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    settings.OUTBOUND_ALLOW_PRIVATE = []  # type: ignore[attr-defined]
    with outbound.session() as session, pytest.raises(outbound.Forbidden):
        session.get("http://127.0.0.1:9/")


def test_one_private_address_of_a_name_is_enough_to_refuse_it(
    monkeypatch: pytest.MonkeyPatch, settings: object
) -> None:
    settings.OUTBOUND_ALLOW_PRIVATE = []  # type: ignore[attr-defined]
    entries = [(2, 1, 6, "", ("1.1.1.1", 80)), (2, 1, 6, "", ("10.0.0.1", 80))]
    monkeypatch.setattr("socket.getaddrinfo", lambda *args, **kwargs: entries)
    with pytest.raises(outbound.Forbidden):
        outbound.resolve("mixed.example", 80)


def test_a_name_that_does_not_resolve_is_a_connection_error() -> None:
    with pytest.raises(requests.ConnectionError):
        outbound.resolve("nowhere.invalid", 80)
