"""Requests to addresses that somebody typed in: the public network, a while, and so much."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pytest_django import Settings

from accounts import outgoing
from accounts.oidc_metadata import discover
from accounts.outgoing import Trouble, Unreachable
from accounts.sso_steps import Failed
from tests.factories import make_account, make_provider
from tests.services.idp import Idp
from tests.sso.kit import House, check_refused, known_ada

NOT_PUBLIC = [
    "127.0.0.1", "127.8.8.8", "0.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1",
    "169.254.169.254", "100.64.0.1", "100.100.100.200", "192.0.0.192", "198.18.0.1", "203.0.113.7",
    "224.0.0.1", "240.0.0.1", "255.255.255.255", "168.63.129.16",
    "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8"]
ODD = [
    "", "idp.example", "http://idp.example/", "ftp://idp.example/", "file:///etc/passwd",
    "https://", "https:///path", "https://user@idp.example/", "https://user:x@idp.example/",
    "https://idp.example:0/", "https://idp.example:99999/", "https://[::1/", "gopher://x/",
    "https://idp.example/a b", "https://idp.example/\r\nX: y", "https://idp.ex\u00e4mple/",
    "javascript:alert(1)",
]  # fmt: skip


def trouble_of(url: str, **how: Any) -> Trouble:
    with pytest.raises(Unreachable) as refused:
        outgoing.fetch("GET", url, headers={}, **how)
    return refused.value.trouble


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What each host is said to be, asked once for each request."""
    found: dict[str, list[str]] = {}

    def resolve(host: str, port: int, **kwargs: Any) -> list[Any]:
        if host not in found:
            raise socket.gaierror
        return [(0, 0, 0, "", (address, port)) for address in found[host]]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return found


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Whom we would have connected to; nobody is."""
    tried: list[Any] = []

    def connect(address: Any, **kwargs: Any) -> None:
        tried.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    return tried


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_that_is_not_public_is_never_connected(
    address: str, names: dict[str, list[str]], connected: list[Any]
) -> None:
    names["idp.example"] = ["8.8.8.8", address]  # one is enough
    assert trouble_of("https://idp.example/") is Trouble.PRIVATE
    assert connected == []


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_connected_as_it_was_checked(
    address: str, names: dict[str, list[str]], connected: list[Any]
) -> None:
    names["idp.example"] = [address]
    assert trouble_of("https://idp.example:8443/") is Trouble.CONNECTION
    assert connected == [(address, 8443)]


@pytest.mark.parametrize("url", ODD)
def test_what_is_no_address_is_never_asked(
    url: str, names: dict[str, list[str]], connected: list[Any]
) -> None:
    names["idp.example"] = ["8.8.8.8"]
    assert trouble_of(url) is Trouble.ADDRESS
    assert connected == []


def test_a_host_that_nobody_knows(names: dict[str, list[str]]) -> None:
    assert trouble_of("https://nowhere.example/") is Trouble.UNKNOWN_HOST


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.1", "localhost"])
def test_other_spellings_of_this_machine_are_private_too(host: str) -> None:
    assert trouble_of(f"https://{host}/") in {Trouble.PRIVATE, Trouble.UNKNOWN_HOST}


Talk = Callable[[socket.socket], None]


@contextmanager
def server(talk: Talk) -> Iterator[str]:
    """A server that says what ``talk`` does to whoever connects."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                try:
                    talk(connection)
                except OSError:
                    return  # they hung up, as they should

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        thread.join(5)
        assert not thread.is_alive()


@pytest.fixture
def in_a_hurry(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SSO_ALLOW_PRIVATE = True
    monkeypatch.setattr(outgoing, "TIME_OUT", 0.3)


def silent(connection: socket.socket) -> None:
    connection.recv(1 << 16)
    time.sleep(0.6)


def dripping(connection: socket.socket) -> None:
    """A byte now and then: no single read ever takes long."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for _ in range(60):
        connection.sendall(b"X-A: b\r\n")
        time.sleep(0.05)


def dripping_body(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(60):
        connection.sendall(b"x")
        time.sleep(0.05)


@pytest.mark.parametrize("talk", [silent, dripping, dripping_body], ids=lambda talk: talk.__name__)
def test_who_takes_too_long_is_left(talk: Talk, in_a_hurry: None) -> None:
    with server(talk) as url:
        begun = time.monotonic()
        assert trouble_of(url) is Trouble.TIME_OUT
        assert time.monotonic() - begun < 1.5


def said(answer: bytes) -> Talk:
    def talk(connection: socket.socket) -> None:
        connection.recv(1 << 16)
        connection.sendall(answer)

    return talk


REDIRECT = b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"
ANSWERS = {
    "a redirect": (REDIRECT, Trouble.REDIRECT),
    "no HTTP": (b"hello\r\n\r\n", Trouble.CONNECTION),
    "nothing": (b"", Trouble.CONNECTION),
    "more than it may": (
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (outgoing.LONGEST + 1),
        Trouble.TOO_LONG,
    ),
    "less than it says": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort",
        Trouble.CONNECTION,
    ),
}


@pytest.mark.parametrize(("answer", "trouble"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_that_can_not_be_used(
    answer: bytes, trouble: Trouble, settings: Settings
) -> None:
    settings.SSO_ALLOW_PRIVATE = True
    with server(said(answer)) as url:
        assert trouble_of(url) is trouble


def test_a_server_without_a_certificate_is_no_secure_one(settings: Settings) -> None:
    settings.SSO_ALLOW_PRIVATE = True
    with server(said(b"HTTP/1.1 200 OK\r\n\r\n")) as url:
        assert trouble_of(url.replace("http://", "https://")) is Trouble.CONNECTION


def test_a_proxy_of_the_environment_is_not_asked(
    two_idps: tuple[Idp, Idp], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SSO_ALLOW_PRIVATE = True
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9/")
    url = f"{two_idps[0].issuer}/keys"
    assert outgoing.fetch("GET", url, headers={}).status == 200


@pytest.mark.django_db
def test_without_the_setting_a_provider_of_this_machine_is_not_asked(
    two_idps: tuple[Idp, Idp],
) -> None:
    idp = two_idps[0]
    idp.clear()
    now = make_account().created_at
    for issuer in (idp.issuer, idp.issuer.replace("http://", "https://")):
        provider = make_provider(make_account(), now=now, issuer=issuer)
        with pytest.raises(Failed) as failed:
            discover(provider, now=now)
        assert failed.value.is_outage
    assert idp.asked == []


@pytest.mark.django_db
def test_an_endpoint_that_the_provider_moves_inside_is_not_asked(
    northwind: House, settings: Settings
) -> None:
    """The document came from outside; the token endpoint it names lies inside."""
    known_ada(northwind)
    back = northwind.idp.authorize(northwind.leave())
    northwind.idp.asked.clear()
    settings.SSO_ALLOW_PRIVATE = False
    check_refused(northwind.client.get(back), northwind.client, code="code_address")
    assert northwind.idp.asked == []


@pytest.mark.django_db
def test_a_provider_that_is_slow_is_a_page_that_says_so(
    northwind: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    known_ada(northwind)
    back = northwind.idp.authorize(northwind.leave())
    monkeypatch.setattr(outgoing, "TIME_OUT", 0.2)
    northwind.idp.wait = 0.5
    answer = northwind.client.get(back)
    check_refused(answer, northwind.client, code="code_time_out")
    assert "reached at the moment" in answer.content.decode()
