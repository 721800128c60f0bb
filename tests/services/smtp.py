"""A mail server that keeps what it gets, and refuses whom it is told to."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller

from tests.services.processes import free_port

DISCONNECT = "disconnect"


@dataclass(kw_only=True)
class SMTPServer:
    """``refusals`` maps a recipient to an answer such as ``"550 no such person"`` or DISCONNECT.

    ``on_mail`` is called with each mail that was taken, before the sender hears of it.
    """

    port: int = 0
    refusals: dict[str, str] = field(default_factory=dict)
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    connections: int = 0
    on_mail: Callable[[EmailMessage], None] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def clear(self) -> None:
        self.refusals.clear()
        self.mails.clear()
        self.recipients.clear()
        self.connections = 0
        self.on_mail = None

    def to(self, address: str) -> list[EmailMessage]:
        return [mail for mail in self.mails if address in str(mail["To"])]

    # What follows is called by aiosmtpd, in its own thread.

    async def handle_EHLO(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        with self.lock:
            self.connections += 1
        return responses

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        answer = self.refusals.get(address)
        if answer == DISCONNECT:
            server.transport.close()
        if answer:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        mail = message_from_bytes(envelope.content, policy=policy.default)
        with self.lock:
            self.mails.append(mail)
            self.recipients.extend(envelope.rcpt_tos)
        if self.on_mail:
            await asyncio.to_thread(self.on_mail, mail)
        return "250 OK"


@contextlib.contextmanager
def running_smtp() -> Iterator[SMTPServer]:
    """Start a mail server; its ``url`` fits EMAIL_URL."""
    server = SMTPServer(port=free_port())
    controller = Controller(server, hostname="127.0.0.1", port=server.port, decode_data=False)
    controller.start()
    try:
        yield server
    finally:
        controller.stop()
