"""Requests to addresses that a person typed in: they reach the public network and nothing else.

An identity provider's address is entered by support, and a provider names further ones itself. So
a host is resolved here, refused where any of its addresses is not public, and connected by the
very address that was checked: a name that answers differently a moment later leads nowhere. No
redirect is followed, no proxy of the environment asked, and neither time nor size is the other
side's to choose. ``SSO_ALLOW_PRIVATE`` lifts what is about addresses, for closed networks.
"""

import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from http.client import HTTPConnection, HTTPException
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from threading import Event, Timer
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.utils.translation import gettext as _
from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

TIME_OUT = 5.0  # seconds, for all of it: connecting, asking and reading
LONGEST = 256 * 1024  # bytes of an answer
PORTS = {"http": 80, "https": 443}
# Public by their number alone: what they reach lies behind a gateway, or is a cloud's own.
NOT_PUBLIC = (
    ip_network("64:ff9b::/96"),  # NAT64
    ip_network("2002::/16"),  # 6to4
    ip_network("192.0.0.0/24"),  # kept for protocols, and some clouds' metadata
    ip_network("168.63.129.16/32"),  # Azure's platform, from within its machines
)

Address = IPv4Address | IPv6Address


class Trouble(StrEnum):
    ADDRESS = "address"  # no https:// address, or none that may be asked
    PRIVATE = "private"
    UNKNOWN_HOST = "unknown_host"
    CONNECTION = "connection"
    TIME_OUT = "time_out"
    REDIRECT = "redirect"
    TOO_LONG = "too_long"


class Unreachable(Exception):
    """No answer that may be used; ``trouble`` says why, the text says it to support."""

    def __init__(self, trouble: Trouble, text: str) -> None:
        super().__init__(text)
        self.trouble = trouble


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


def fetch(method: str, url: str, *, headers: dict[str, str], body: bytes | None = None) -> Answer:
    """Ask ``url`` once.

    :raises Unreachable: before anything is sent where the address may not be asked, and when the
        answer is a redirect, too long, too late, or none.
    """
    parts = check_address(url)
    port = parts.port or PORTS[parts.scheme]
    addresses = _resolved(parts.hostname or "", port)
    connection = _Connection(parts, port, addresses)
    with connection.limited():
        return _ask(connection, method, parts, headers=headers, body=body)


def check_address(url: str) -> SplitResult:
    """Return the parts of an address that may be asked, as far as its text tells.

    :raises Unreachable: for any other.
    """
    try:
        parts = urlsplit(url)
        is_usable = bool(parts.hostname) and parts.port != 0 and not parts.username
    except ValueError:
        raise Unreachable(Trouble.ADDRESS, _("This is not an address.")) from None
    allowed = {"https", "http"} if settings.SSO_ALLOW_PRIVATE else {"https"}
    if not is_usable or parts.scheme not in allowed:
        raise Unreachable(Trouble.ADDRESS, _("An address begins with https:// and names a host."))
    if not (url.isascii() and url.isprintable()) or " " in url:
        raise Unreachable(Trouble.ADDRESS, _("An address holds no spaces and no special letters."))
    return parts


def _resolved(host: str, port: int) -> list[str]:
    """Return the addresses of ``host``, all of which may be asked."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unreachable(
            Trouble.UNKNOWN_HOST, _("No machine is called %(host)s.") % {"host": host}
        ) from None
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    if not settings.SSO_ALLOW_PRIVATE and not all(map(is_public, addresses)):
        raise Unreachable(
            Trouble.PRIVATE, _("%(host)s is not on the public network.") % {"host": host}
        )
    return addresses


def is_public(text: str) -> bool:
    """Whether an address belongs to the public network; one inside another is unpacked first."""
    address: Address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    is_inside = any(address in network for network in NOT_PUBLIC)
    return address.is_global and not address.is_multicast and not is_inside


class _Connection(HTTPConnection):
    """A connection to addresses that were checked, under the name that was asked for."""

    def __init__(self, parts: SplitResult, port: int, addresses: list[str]) -> None:
        super().__init__(parts.hostname or "", port, timeout=TIME_OUT)
        self.is_secure = parts.scheme == "https"
        self.default_port = PORTS[parts.scheme]
        self.addresses = addresses
        self.is_late = Event()
        self.talking: socket.socket | None = None  # also while an answer is read: ``sock`` is not

    def connect(self) -> None:
        self.talking = self.sock = self._connected()
        if self.is_secure:
            context = ssl.create_default_context()
            # The socket is in place before the handshake, so that ``cut`` can end that, too.
            secure = context.wrap_socket(
                self.sock, server_hostname=self.host, do_handshake_on_connect=False
            )
            self.talking = self.sock = secure
            secure.do_handshake()

    def _connected(self) -> socket.socket:
        trouble = OSError("The host has no address.")
        for address in self.addresses:
            try:
                return socket.create_connection((address, self.port), timeout=TIME_OUT)
            except OSError as error:
                trouble = error
            if self.is_late.is_set():
                break
        raise trouble

    def cut(self) -> None:
        """Stop whatever this connection waits for: a time-out of each read is none of the sum."""
        self.is_late.set()
        if self.talking is not None:
            with suppress(OSError):  # it is closed already
                self.talking.shutdown(socket.SHUT_RDWR)

    def limited(self) -> "_Limit":
        return _Limit(self)


class _Limit:
    """The time that a connection has; whatever breaks within becomes ``Unreachable``."""

    def __init__(self, connection: _Connection) -> None:
        self.connection = connection
        self.timer = Timer(TIME_OUT, connection.cut)
        self.timer.daemon = True

    def __enter__(self) -> None:
        self.timer.start()

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self.timer.cancel()
        self.connection.close()
        is_late = self.connection.is_late.is_set() or isinstance(error, TimeoutError)
        if is_late:
            raise Unreachable(
                Trouble.TIME_OUT,
                _("No answer within %(seconds)s seconds.") % {"seconds": round(TIME_OUT)},
            )
        if isinstance(error, ssl.SSLError):
            raise Unreachable(
                Trouble.CONNECTION,
                _("No secure connection: %(reason)s.") % {"reason": error.reason},
            )
        if isinstance(error, OSError | HTTPException | ValueError):
            raise Unreachable(Trouble.CONNECTION, _("The connection failed."))


def _ask(
    connection: _Connection,
    method: str,
    parts: SplitResult,
    *,
    headers: dict[str, str],
    body: bytes | None,
) -> Answer:
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    plain = {**headers, "Accept-Encoding": "identity", "Connection": "close"}
    connection.request(method, path, body=body, headers=plain)
    with connection.getresponse() as response:
        if 300 <= response.status < 400:
            raise Unreachable(
                Trouble.REDIRECT, _("The answer is a redirect, which is not followed.")
            )
        read = response.read(LONGEST + 1)
        is_cut_off = bool(response.length)
    if len(read) > LONGEST:
        raise Unreachable(
            Trouble.TOO_LONG,
            _("The answer is longer than %(longest)s bytes.") % {"longest": LONGEST},
        )
    if is_cut_off:
        raise Unreachable(Trouble.CONNECTION, _("The answer was cut off."))
    return Answer(response.status, dict(response.getheaders()), read)


class GuardedAdapter(BaseAdapter):
    """Lets a session of ``requests``, and so Authlib's client, reach nothing but by ``fetch``."""

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        body = request.body.encode() if isinstance(request.body, str) else request.body
        headers = {name: str(value) for name, value in request.headers.items()}
        answer = fetch(request.method or "GET", request.url or "", headers=headers, body=body)
        response = Response()
        response.status_code = answer.status
        response.headers = CaseInsensitiveDict(answer.headers)
        response._content = answer.body
        response.url, response.request = request.url or "", request
        return response

    def close(self) -> None:
        """Nothing is kept open."""
