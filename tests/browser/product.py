"""The product as `make run` starts it, seen from outside: an address, and the mails it sent."""

import contextlib
import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import TypeVar

from tests.services.processes import Process, environment, free_port, python, running

T = TypeVar("T")

DEMO_PASSWORD = "open the gatehouse please"
PATIENCE = 60
LINK = re.compile(r"https?://\S+")
SIX_DIGITS = re.compile(r"(?<!\d)\d{6}(?!\d)")


@dataclass(frozen=True, kw_only=True)
class Product:
    """A running product; its mails and texts are read from the outbox alone."""

    url: str
    outbox: Path

    def mails(self, email: str, *, subject: str | re.Pattern[str] = "") -> list[EmailMessage]:
        """Return the mails to ``email``, oldest first, whose subject has these words."""
        wanted = (
            subject if isinstance(subject, re.Pattern) else re.compile(re.escape(subject), re.I)
        )
        found = []
        for path in sorted(self.outbox.glob("*.eml")):
            mail = message_from_bytes(path.read_bytes(), policy=policy.default)
            if mail["To"] == email and wanted.search(str(mail["Subject"])):
                found.append(mail)
        return found

    def mail(self, email: str, *, subject: str | re.Pattern[str] = "", number: int = 1) -> str:
        """Wait for the mail of that number; return its text."""
        found = wait_for(lambda: self.mails(email, subject=subject)[number - 1 :])
        part = found[0].get_body(preferencelist=("plain",))
        assert part
        return str(part.get_content())

    def texts(self, phone: str) -> list[str]:
        read = [json.loads(path.read_text()) for path in sorted(self.outbox.glob("*.json"))]
        return [str(text["body"]) for text in read if text["to"] == phone]

    def texted_code(self, phone: str, *, number: int = 1) -> str:
        """Wait for the text of that number; return the code in it."""
        return code_in(wait_for(lambda: self.texts(phone)[number - 1 :])[0])


def code_in(text: str) -> str:
    found = SIX_DIGITS.search(text)
    assert found, text
    return found[0]


def link_in(text: str, path: str) -> str:
    """Return the link in a mail whose path begins with ``path``."""
    found: list[str] = [link for link in LINK.findall(text) if path in link]
    assert found, text
    return found[0]


def wait_for(ask: Callable[[], T], *, patience: float = PATIENCE, pause: float = 0.1) -> T:
    """Ask until the answer is something; how long that takes is nobody's promise."""
    limit = time.monotonic() + patience
    while not (answer := ask()):
        if time.monotonic() > limit:
            raise AssertionError("It did not come.")
        time.sleep(pause)
    return answer


@contextlib.contextmanager
def running_product(*, folder: Path, **more: str) -> Iterator[Product]:
    """Start web server, worker and beat on data of their own, as `make run` does."""
    port = free_port()
    own = {"DJANGO_SETTINGS_MODULE": "settings.local", "VAR_DIR": str(folder), "PORT": str(port)}
    env = environment(**{**own, **more})
    with running(python("-m", "deploy.run"), folder=folder, env=env) as process:
        wait_until_up(process)
        yield Product(url=f"http://127.0.0.1:{port}", outbox=folder / "outbox")


def wait_until_up(process: Process, *, patience: float = 120) -> None:
    process.wait_until(lambda: "Gatehouse is at" in process.output(), patience=patience)
