"""The guard: which addresses a call may be made to (server-side request forgery, CWE-918).

A URL is data from a case, and a worker stands inside the network. So a name is resolved once, each address is looked
at, and the connection is made to exactly one of the addresses that passed: a name that resolves to something else a
moment later (DNS rebinding) changes nothing. Every redirect opens a connection, and so is looked at again.

Allowed are addresses that the whole internet can reach (`is_global`, RFC 6890), and what the installation allows:

| entry of `allow` | allows |
|---|---|
| `10.1.0.0/16`, `127.0.0.1`, `fd00::/8` | these addresses, at every port |
| `10.1.0.7:8443`, `[::1]:8090` | this address at this port |
| `stock.internal`, `stock.internal:8443`, `*.svc.internal` | this name (or all under it), whatever its address is |
"""

import re
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from connectors.config import text_that, written_out

Address: TypeAlias = IPv4Address | IPv6Address

MAX_ADDRESSES = 16
"""How many addresses of one name are tried."""

_NAME = re.compile(r"(?:\*\.)?[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*\.?")
_WITH_PORT = re.compile(r"(?P<host>\[[^\]]+\]|[^:\[\]]+):(?P<port>[0-9]{1,5})")
_NAT64 = IPv6Network("64:ff9b::/96")
_NAT64_LOW_32_BITS = 0xFFFFFFFF


class AddressRefused(Exception):
    """A host whose every address is one that calls may not be made to."""


@dataclass(frozen=True, slots=True)
class _Allowed:
    """One entry of `allow`: a network or a name, at one port or at all."""

    network: IPv4Network | IPv6Network | None
    name: str | None
    port: int | None

    def covers(self, host: str, address: Address, port: int) -> bool:
        if self.port not in (None, port):
            return False
        if self.network is not None:
            return address in self.network
        assert self.name is not None, "an entry is a network or a name"
        return host.endswith(self.name[1:]) if self.name.startswith("*.") else host == self.name


class Guard:
    """Allows global addresses and those of `allow`. Raises `ValueError` for an entry that is none.

    `anywhere` allows everything, for a test or an installation that has no network of its own to protect.
    """

    def __init__(self, allow: Iterable[str] = (), *, anywhere: bool = False) -> None:
        self._allowed = tuple(_entry(each) for each in allow)
        self._anywhere = anywhere

    def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of a host to which a connection may be made, in the order of the resolver.

        `host` may be an address, with or without brackets. Raises `AddressRefused` when there are some and none of
        them is allowed, and `socket.gaierror` when the name cannot be resolved.
        """
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
        every = list(dict.fromkeys(str(address[0]) for *_, address in found))
        passed = [each for each in every if self.allows(host, each, port)]
        if every and not passed:
            raise AddressRefused(f"{host} has no address that calls may be made to ({', '.join(every[:3])})")
        return passed[:MAX_ADDRESSES]

    def allows(self, host: str, address: str, port: int) -> bool:
        """Whether a connection may be made to this address of a host."""
        if self._anywhere:
            return True
        meant = _meant(ip_address(address))
        if meant.is_global and not meant.is_multicast:
            return True
        name = host.strip("[]").lower().rstrip(".")
        return any(each.covers(name, meant, port) for each in self._allowed)


def _is_entry(value: str) -> bool:
    try:
        return _entry(value) is not None
    except ValueError:
        return False


_IN_IPV6: tuple[Callable[[IPv6Address], IPv4Address | None], ...] = (
    lambda address: address.ipv4_mapped,
    lambda address: address.sixtofour,
    lambda address: address.teredo[1] if address.teredo else None,
    lambda address: IPv4Address(int(address) & _NAT64_LOW_32_BITS) if address in _NAT64 else None,
)
"""Ways to write an IPv4 address as one of IPv6: mapped, 6to4, Teredo, NAT64."""


def _meant(address: Address) -> Address:
    """The IPv4 address that an IPv6 address leads to, else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    return next((inner for found in _IN_IPV6 if (inner := found(address)) is not None), address)


def _entry(given: str) -> _Allowed:
    text, port = given.strip().lower(), None
    with_port = _WITH_PORT.fullmatch(text)
    if with_port is not None:
        text, port = with_port["host"].strip("[]"), int(with_port["port"])
        if not 0 < port < 65536:
            raise ValueError(f"{given!r} has no port")
    try:
        return _Allowed(ip_network(text.strip("[]")), None, port)
    except ValueError:
        if _NAME.fullmatch(text) is None or text.rpartition(".")[2].isdigit():
            raise
    return _Allowed(None, text.rstrip("."), port)


check_entry = written_out(
    text_that(_is_entry, "an address, a network such as 10.0.0.0/8, or a name, with or without port")
)
"""An entry of `allow`."""
