"""The outbox: mails and texts as files, where no mail server or provider is configured.

Mail reaches it as Django's mail backend, texts through ``write_text``; the local page
``/outbox/`` and tests read it. Codes lie here in the clear, so the files are for their
owner alone, and production never routes the page.
"""

import json
import os
import re
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from django.conf import settings
from django.core.mail import EmailMessage as OutgoingMail
from django.core.mail.backends.base import BaseEmailBackend

LINK = re.compile(r"https?://[^\s<>\"']+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One mail or text, as the outbox page shows it."""

    to: str
    at: datetime
    subject: str
    text: str
    html: str
    links: tuple[str, ...]
    is_text_message: bool


class EmailBackend(BaseEmailBackend):
    """Writes each mail into ``OUTBOX_DIR`` as one ``.eml``."""

    def send_messages(self, email_messages: Sequence[OutgoingMail]) -> int:
        mails = [mail for mail in email_messages if mail.recipients()]
        for mail in mails:
            write(mail.message().as_bytes(), suffix=".eml")
        return len(mails)


def write_text(to: str, body: str, at: datetime) -> None:
    """Write a text message as one ``.json``."""
    content = {"to": to, "body": body, "at": at.astimezone(UTC).isoformat()}
    write(json.dumps(content, ensure_ascii=False).encode(), suffix=".json")


def write(content: bytes, *, suffix: str) -> None:
    """Write a file that appears whole, readable by its owner alone."""
    folder = Path(settings.OUTBOX_DIR)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Names sort by time.
    name = f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}"
    hidden = folder / f".{name}"
    descriptor = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    hidden.rename(folder / f"{name}{suffix}")


def messages(*, limit: int = 25) -> list[Message]:
    """Return the newest mails and texts, newest first."""
    try:
        paths = sorted(Path(settings.OUTBOX_DIR).iterdir(), reverse=True)
    except FileNotFoundError:
        return []
    written = [path for path in paths if path.suffix in {".eml", ".json"}]
    return [message for message in map(read, written[:limit]) if message]


def read(path: Path) -> Message | None:
    """Return what a file holds; None when it is gone meanwhile."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    return read_text(content) if path.suffix == ".json" else read_mail(content)


def read_text(content: bytes) -> Message:
    found = json.loads(content)
    return Message(
        to=found["to"],
        at=datetime.fromisoformat(found["at"]),
        subject="",
        text=found["body"],
        html="",
        links=tuple(LINK.findall(found["body"])),
        is_text_message=True,
    )


def read_mail(content: bytes) -> Message:
    mail = message_from_bytes(content, policy=policy.default)
    text = body_of(mail, "plain")
    return Message(
        to=str(mail["To"]),
        at=mail["Date"].datetime,
        subject=str(mail["Subject"]),
        text=text,
        html=body_of(mail, "html"),
        links=tuple(dict.fromkeys(LINK.findall(text))),
        is_text_message=False,
    )


def body_of(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body(preferencelist=(kind,))
    return str(part.get_content()) if part else ""
