"""The guarded session: each request to an address that a customer gave goes through it (CONTRACT §6, DESIGN promise 8).

requests-hardened pins DNS and switches redirects off; the adapter here checks every resolved address by rules of our
own, since its filter only knows "loopback" and lets some embedded addresses pass.
"""

import ipaddress
import re
import socket
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from django.conf import settings
from requests.adapters import HTTPAdapter
from requests_hardened import HTTPSession
from requests_hardened.config import Config
from requests_hardened.ip_filter_adapter import IPFilterAdapter

from acton_hub import deadline

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
USER_AGENT = "acton-hub"
TIMEOUT_S = (5.0, 15.0)  # to connect, for the answer
# What `is_global` takes for public although it leads inside, or to another machine than it says.
DENIED = [
    ipaddress.ip_network(network)
    for network in (
        "168.63.129.16/32",  # a cloud's host agent
        "192.0.0.0/24",  # protocol assignments; another cloud's metadata. Older Pythons take most of it for public
        "192.88.99.0/24",  # 6to4 relays
        "::/96",  # IPv4-compatible addresses
        "::ffff:0:0:0/96",  # IPv4-translated addresses
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",
        "2001::/23",  # protocol assignments, Teredo among them
        "2002::/16",  # 6to4
        "fec0::/10",  # site-local
        "5f00::/16",  # segment routing
        "3fff::/20",  # documentation
    )
]
# Names of this machine itself, as /etc/hosts of one system or another has them.
_LOCAL_NAME = re.compile(r"(.+\.)?(localhost\d?|localdomain\d?)|ip6-(localhost|loopback)|broadcasthost")
_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*")


class Forbidden(requests.RequestException):
    """The address lies in a network that the hub must not reach (OUTBOUND_ALLOW_PRIVATE)."""


def literal_address(host: str) -> Address | None:
    """The address that `host` spells, in any spelling that a resolver takes (decimal, octal, short, IPv6)."""
    host = host.strip("[]").partition("%")[0]
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):  # a NUL, or no ASCII
        return None


def plain_host(host: str) -> str:
    """The host of a URL in the one spelling that counts: full-width letters and digits, other full stops and a dot at
    the end are but other ways to write the same. Raises ValueError for what is neither an address nor a name.
    """
    try:
        plain = host if ":" in host else host.encode("idna").decode("ascii")
    except UnicodeError:
        raise ValueError("is not a URL: its host is no name") from None
    plain = plain.removesuffix(".").lower()
    if literal_address(plain) is None and (_NAME.fullmatch(plain) is None or _ends_in_a_number(plain)):
        raise ValueError("is not a URL: its host is neither a name nor an address")
    return plain


def _ends_in_a_number(name: str) -> bool:
    """Whether other programs would try to read it as an address."""
    return re.fullmatch(r"\d+|0x[0-9a-f]*", name.rpartition(".")[2]) is not None


def is_local_name(host: str) -> bool:
    """Whether it names this machine, without any look-up."""
    return _LOCAL_NAME.fullmatch(host) is not None


def unmapped(address: Address) -> Address:
    """The IPv4 address that an IPv6 one only wraps."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def is_within(address: Address, networks: list[Network]) -> bool:
    return any(unmapped(address) in network for network in networks)


def is_allowed(address: Address, allowed: list[Network]) -> bool:
    """Whether a callback may go there: anywhere public, and to private networks that `allowed` names."""
    address = unmapped(address)
    if is_within(address, allowed):
        return True
    return address.is_global and not address.is_multicast and not any(address in network for network in DENIED)


def resolve(host: str, port: int | None) -> Address:
    """The address to connect to. Raises Forbidden where any of the name's addresses is not allowed."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise requests.ConnectionError(f"{host} cannot be resolved") from error
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    for address in addresses:
        if not is_allowed(address, settings.OUTBOUND_ALLOW_PRIVATE):
            raise Forbidden(f"{host} points to {address}, where the hub must not go")
    # IPv4 first: a name like localhost has both, and most receivers listen there.
    return min(addresses, key=lambda address: address.version)


class GuardedAdapter(IPFilterAdapter):  # type: ignore[misc]  # requests-hardened has no types
    """Connects to the very address that was checked, with the name for TLS and Host as it was given."""

    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        super().init_poolmanager(*args, **more)
        self.poolmanager.pool_classes_by_scheme = deadline.POOLS

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        host_params, pool_kwargs = HTTPAdapter.build_connection_pool_key_attributes(self, request, verify, cert)
        name = host_params["host"].strip("[]")
        port = host_params["port"]
        shown = f"[{name}]" if ":" in name else name
        request.headers["Host"] = f"{shown}:{port}" if port else shown
        if self._is_https_proto:
            pool_kwargs["assert_hostname"] = name  # type: ignore[typeddict-unknown-key]
            pool_kwargs["server_hostname"] = name  # type: ignore[typeddict-unknown-key]
        address = resolve(name, port)
        host_params["host"] = f"[{address}]" if address.version == 6 else str(address)
        return host_params, pool_kwargs


def session() -> requests.Session:
    """A new guarded session, for one thread: without redirects, cookies and proxies of the environment."""
    guarded: requests.Session = HTTPSession(
        Config(
            ip_filter_enable=True, ip_filter_allow_loopback_ips=False, never_redirect=True,
            default_timeout=TIMEOUT_S, user_agent_override=USER_AGENT,
        )
    )  # fmt: skip
    guarded.trust_env = False
    guarded.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # one host may serve several customers
    guarded.mount("http://", GuardedAdapter(is_https_proto=False))
    guarded.mount("https://", GuardedAdapter(is_https_proto=True))
    return guarded
