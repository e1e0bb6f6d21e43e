"""The guard of outgoing messages: a receiver's address must be public, or its name be permitted by a setting."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection
from urllib.parse import SplitResult, urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

PLATFORM = frozenset({ipaddress.ip_address("168.63.129.16")})
"""Public addresses at which a cloud answers its own machines."""

NAT64 = ipaddress.ip_network("64:ff9b::/96")
PORTS = {"http": 80, "https": 443}


class ReceiverError(ValueError):
    """A URL or an address to which no message is sent; the text says why."""


def receiver(url: str, permitted: Collection[str]) -> SplitResult:
    """Return the parts of a URL that may be the receiver of a webhook.

    Args:
        permitted: names of receivers that may be internal and need no TLS.

    Raises:
        ReceiverError: it is no URL of this kind.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise ReceiverError("it is not a URL") from None
    if not url.isascii() or not url.isprintable() or " " in url or not host:
        raise ReceiverError("it must be a URL such as https://example.org/star, in printable ASCII")
    if parts.username is not None or parts.fragment:
        raise ReceiverError("it must not hold a user, a password or a fragment")
    if parts.scheme not in PORTS or (parts.scheme == "http" and host not in permitted):
        raise ReceiverError("it must begin with https://; http:// is for receivers in STAR_WEBHOOK_HOSTS")
    return parts


def resolved(parts: SplitResult, permitted: Collection[str]) -> list[str]:
    """Return the addresses of a receiver, to which a connection is made without another look-up.

    Raises:
        ReceiverError: the name has no address, or one of its addresses is internal and the name is not permitted.
    """
    host = parts.hostname or ""
    try:
        found = socket.getaddrinfo(host, parts.port or PORTS[parts.scheme], type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise ReceiverError(f"the name {host} has no address") from None
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    if host not in permitted and not all(map(_is_public, addresses)):
        raise ReceiverError(f"{host} has an internal address; STAR_WEBHOOK_HOSTS permits receivers by name")
    return addresses


def _is_public(text: str) -> bool:
    address = _innermost(ipaddress.ip_address(text.partition("%")[0]))
    return address.is_global and not (address.is_multicast or address.is_reserved or address in PLATFORM)


def _innermost(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address carries, or the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else address)
