"""The guarded session: each request to an address that a customer gave goes through it (CONTRACT §6, DESIGN promise 8).

requests-hardened pins DNS and switches redirects off; the adapter here checks every resolved address by rules of our
own, since its filter only knows "loopback" and lets some embedded addresses pass.
"""

import ipaddress
import socket
from typing import Any

import requests
from django.conf import settings
from requests.adapters import HTTPAdapter
from requests_hardened import HTTPSession
from requests_hardened.config import Config
from requests_hardened.ip_filter_adapter import IPFilterAdapter

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
TIMEOUT_S = (5.0, 15.0)  # to connect, for the answer
# What `is_global` takes for public although it leads inside, or to another machine than it says.
DENIED = [
    ipaddress.ip_network(network)
    for network in (
        "168.63.129.16/32",  # a cloud's host agent
        "192.88.99.0/24",  # 6to4 relays
        "::/96",  # IPv4-compatible addresses
        "::ffff:0:0:0/96",  # IPv4-translated addresses
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",
        "2001::/32",  # Teredo
        "2002::/16",  # 6to4
        "fec0::/10",  # site-local
        "5f00::/16",  # segment routing
        "3fff::/20",  # documentation
    )
]


class Forbidden(requests.RequestException):
    """The address lies in a network that callbacks must not reach."""


def literal_address(host: str) -> Address | None:
    """The address that `host` spells, in any spelling that a resolver takes (decimal, octal, short, IPv6)."""
    host = host.strip("[]").partition("%")[0]
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeEncodeError):
        return None


def is_allowed(address: Address, allowed: list[Network]) -> bool:
    """Whether a callback may go there: anywhere public, and to private networks that `allowed` names."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if any(address in network for network in allowed):
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
            raise Forbidden(f"{host} points to {address}, where callbacks must not go")
    # IPv4 first: a name like localhost has both, and most receivers listen there.
    return min(addresses, key=lambda address: address.version)


class GuardedAdapter(IPFilterAdapter):  # type: ignore[misc]  # requests-hardened has no types
    """Connects to the very address that was checked, with the name for TLS and Host as it was given."""

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
    """A new guarded session, for one thread. Redirects are never followed, proxies of the environment never used."""
    guarded: requests.Session = HTTPSession(
        Config(
            ip_filter_enable=True, ip_filter_allow_loopback_ips=False, never_redirect=True,
            default_timeout=TIMEOUT_S, user_agent_override="acton-hub",
        )
    )  # fmt: skip
    guarded.trust_env = False
    guarded.mount("http://", GuardedAdapter(is_https_proto=False))
    guarded.mount("https://", GuardedAdapter(is_https_proto=True))
    return guarded
