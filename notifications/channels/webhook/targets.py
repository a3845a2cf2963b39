"""Where a webhook may lead: to public addresses, and to others only where the settings say so.

The name is resolved once, every address it has is judged, and the call goes to the address that was judged: a name
that answers otherwise the next moment (DNS rebinding) leads nowhere else.
"""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx

from domain.errors import InvalidInput
from domain.locales import t
from notifications.errors import Postponed, Refused

EXAMPLE = "https://hooks.example.com/openbell"
LONGEST = 2000
MOST_ADDRESSES = 3
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Lookup = Callable[[str, int], Awaitable[list[str]]]
"""The addresses of a host, best first; OSError when it has none."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True)
class Allowed:
    """Which hosts may be called although they are not public, or without TLS."""

    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()
    hosts: frozenset[str] = frozenset()

    @classmethod
    def read(cls, text: str) -> "Allowed":
        """Networks, addresses and host names, apart by blanks or commas: ``10.0.0.0/8 hooks.internal``."""
        networks, hosts = [], []
        for word in re.split(r"[\s,]+", text.strip()):
            try:
                networks.append(ipaddress.ip_network(word))
            except ValueError:
                if word and not re.fullmatch(r"(?=.*[a-zA-Z])[\w.-]+", word):
                    raise InvalidInput(
                        f"WEBHOOK_ALLOW has “{word[:60]}”, which is neither a network nor a host name. "
                        "Example: 10.0.0.0/8 hooks.internal"
                    ) from None
                hosts += [word.lower()] if word else []
        return cls(tuple(networks), frozenset(hosts))

    def covers(self, host: str, address: IPAddress) -> bool:
        """Whether the settings name the host or its address."""
        return host.lower() in self.hosts or any(address in network for network in self.networks)


@dataclass(frozen=True)
class Target:
    """A host, and the addresses that may be called for it."""

    url: httpx.URL
    addresses: tuple[str, ...]

    def pinned(self, address: str) -> httpx.URL:
        """The URL with the address in place of the name."""
        return self.url.copy_with(host=address)

    @property
    def host_header(self) -> str:
        return self.url.netloc.decode("ascii")


def parse(text: str) -> httpx.URL:
    """The URL of a webhook; InvalidInput when it can't be one."""
    text = text.strip()
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError):
        raise InvalidInput(t("“{text}” is no URL. Example: {example}", text=text[:60], example=EXAMPLE)) from None
    faults = (
        (len(text) > LONGEST, t("The webhook's URL has more than {most} characters.", most=LONGEST)),
        (not text.isprintable() or " " in text, t("The webhook's URL has blanks or control characters in it.")),
        (url.scheme not in {"https", "http"}, t("The webhook's URL does not begin with https://.")),
        (not url.host, t("The webhook's URL names no host.")),
        (url.port is not None and not 0 < url.port < 65536, t("The webhook's URL names a port that there is not.")),
        (
            bool(url.userinfo),
            t("The webhook's URL has a user name or password in it; requests are signed instead."),
        ),
    )
    for found, fault in faults:
        if found:
            raise InvalidInput(f"{fault} {t('Example: {example}', example=EXAMPLE)}")
    return url.copy_with(fragment=None)


async def resolve(url: httpx.URL, allowed: Allowed, lookup: Lookup) -> Target:
    """The addresses to call; Refused when any of them may not be, Postponed when there are none now."""
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        found = await lookup(url.raw_host.decode("ascii"), port)
    except (OSError, UnicodeError) as problem:
        raise Postponed(f"{url.host} can't be found ({type(problem).__name__})") from problem
    addresses = [ipaddress.ip_address(each.partition("%")[0]) for each in found]
    for address in addresses:
        covered = allowed.covers(url.host, address)
        if not covered and not is_public(address):
            raise Refused(
                f"{url.host} leads to {address}, which is not public. Name it in WEBHOOK_ALLOW if it is meant."
            )
        if not covered and url.scheme != "https":
            raise Refused("webhooks go by https://, or by http:// to hosts named in WEBHOOK_ALLOW")
    if not addresses:
        raise Postponed(f"{url.host} has no address")
    return Target(url, tuple(str(address) for address in addresses[:MOST_ADDRESSES]))


def is_public(address: IPAddress) -> bool:
    """Whether anybody on the internet could be meant: no loopback, private, link-local, shared or reserved address."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = _inside(address)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _inside(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for, if it does."""
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


async def look_up(host: str, port: int) -> list[str]:
    """Ask the system."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
