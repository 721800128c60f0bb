"""Mails and texts as files, and the page that shows them."""

import json
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.mail import EmailMultiAlternatives, get_connection
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts import outbox

NOW = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)
LINK = "https://gatehouse.example/invitations/abc/"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Settings) -> Path:
    settings.OUTBOX_DIR = tmp_path / "outbox"
    return tmp_path / "outbox"


def send(*, to: str = "jürgen@bücher.example", subject: str = "Grüße") -> None:
    mail = EmailMultiAlternatives(subject, f"Open {LINK} now", "me@gatehouse.example", [to])
    mail.attach_alternative(f"<a href='{LINK}'>Open</a>", "text/html")
    with get_connection("accounts.outbox.EmailBackend") as connection:
        assert connection.send_messages([mail]) == 1


def test_an_empty_outbox_has_no_messages() -> None:
    assert outbox.messages() == []


def test_a_mail_is_read_as_it_was_written() -> None:
    send()
    (mail,) = outbox.messages()
    assert mail.subject == "Grüße"
    assert mail.to.startswith("jürgen@")
    assert mail.links == (LINK,)
    assert "<a href=" in mail.html
    assert not mail.is_text_message


def test_a_text_holds_number_body_and_instant(folder: Path) -> None:
    outbox.write_text("+442071838750", "123456 is your code", NOW)
    (path,) = folder.glob("*.json")
    expected = {"to": "+442071838750", "body": "123456 is your code", "at": NOW.isoformat()}
    assert json.loads(path.read_text()) == expected
    (text,) = outbox.messages()
    assert (text.to, text.at, text.is_text_message) == ("+442071838750", NOW, True)


def test_the_newest_come_first_and_old_ones_are_left_out() -> None:
    for number in range(3):
        send(subject=str(number))
    assert [mail.subject for mail in outbox.messages(limit=2)] == ["2", "1"]


def test_files_are_for_their_owner_alone(folder: Path) -> None:
    send()
    (path,) = folder.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.django_db
def test_the_page_shows_subjects_and_links(client: Client) -> None:
    send(subject="<b>Bold</b>")
    page = client.get(reverse("outbox")).content.decode()
    assert "&lt;b&gt;Bold&lt;/b&gt;" in page
    assert f'href="{LINK}"' in page
