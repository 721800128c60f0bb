"""The whole story with a sentinel for each secret, and then a search for all of them.

Searched: the log at its most talkative, pages that broke down included, audit rows, notices,
sessions (decoded), the cache, what was published to the broker, mails to the operator, the headers
of mails, and every column of every table. Results of tasks are kept nowhere.
"""

import json
import logging
import re
from datetime import timedelta
from typing import Any
from unittest import mock
from urllib.parse import quote

import pyotp
import pytest
from celery.backends.base import DisabledBackend
from django.apps import apps
from django.core import mail as outbox
from django.core.cache import cache
from django.db.models import Model
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts import delivery, invitations, passwords, seals, sessions
from accounts.models import AuditEvent, Notice, Role, Session, User
from enforcement import passes, policies, tasks
from settings.celery import app
from settings.logs import LineFormatter
from tests.factories import PASSWORD as FACTORY_PASSWORD
from tests.factories import make_account, make_user
from tests.integration.people import BACKUP_CODE, SECRET
from tests.services.twilio import Twilio
from twofactor.models import SentCode

PASSWORD = "sentinel-Passw0rd-never-to-be-seen"
NEW_PASSWORD = "sentinel-Passw0rd-the-second-one"
PHONE = "+12025550177"
OPERATOR = "operator@gatehouse.example"
LINK = re.compile(r"http://testserver(/\S+)")
SIX_DIGITS = re.compile(r"(?<!\d)\d{6}(?!\d)")

pytestmark = [pytest.mark.both_databases, pytest.mark.django_db(transaction=True)]


class Story:
    """Lives the story and collects what nobody else may ever see."""

    def __init__(self, twilio: Twilio) -> None:
        self.twilio = twilio
        self.secrets: dict[str, str] = {"password": PASSWORD, "new password": NEW_PASSWORD}
        self.secrets["phone"] = PHONE
        self.member = make_user("sentinel@northwind.example", password=PASSWORD)
        self.owner = make_user("owner@northwind.example", password=PASSWORD)
        self.account = make_account("northwind", owner=self.owner, members=(self.member,))
        self.browser = Client()

    def live(self) -> None:
        policies.switch_on(account=self.account, actor=self.owner, now=timezone.now())
        self.sign_in(self.member)
        self.browser.get("/two-factor/setup/")
        self.browser.post("/two-factor/setup/", {"method": "app"})
        self.keep("mailbox code", self.code_by_mail())
        self.browser.post("/two-factor/setup/mailbox/", {"code": self.secrets["mailbox code"]})
        self.set_up_app()
        self.keep_session()
        self.add_phone()
        self.browser.post("/logout/")
        self.use_backup_code()
        self.sign_in_by_text()
        self.reset_password()
        self.accept_invitation()
        self.break_down()
        passes.grant_pass(user=self.member, actor=None, reason="Lost", now=timezone.now())
        self.work()
        self.sign_in(self.member, password=NEW_PASSWORD)
        self.keep_session()
        self.keep_links()

    def keep_links(self) -> None:
        """Whatever any mail's link lets its reader do, the link alone lets them."""
        for number, each in enumerate(outbox.outbox):
            for link in LINK.findall(str(each.body)):
                token = link.strip("/").split("/")[-1]
                if len(token) >= 20:
                    self.keep(f"link {number} {link.split('/')[1]}", token)

    def break_down(self) -> None:
        """Pages fail while they hold a password, codes and a token."""
        browser = Client(raise_request_exception=False)
        browser.post("/login/", {"email": self.member.email, "password": NEW_PASSWORD})
        posts = {
            "/login/recovery/": {"code": self.secrets["backup code 1"]},
            "/login/verify/": {"code": "123 456"},
            "/login/": {"email": self.owner.email, "password": PASSWORD},
        }
        with mock.patch.object(seals, "prove", side_effect=RuntimeError("It broke down.")):
            broken = [browser.post(path, form).status_code for path, form in posts.items()]
        assert broken == [500, 500, 500]

    def keep(self, name: str, value: str) -> None:
        assert value, name
        self.secrets[name] = value

    def keep_session(self) -> None:
        self.keep(f"session {len(self.secrets)}", self.browser.cookies["gatehouse_session"].value)

    def work(self) -> None:
        tasks.carry_out(now=timezone.now())
        delivery.send_due(now=timezone.now())

    def mails(self, kind: str) -> list[str]:
        self.work()
        subject = {"mailbox_code": "code for", "password_reset": "password", "invitation": "invit"}
        return [str(each.body) for each in outbox.outbox if subject[kind] in each.subject]

    def code_by_mail(self) -> str:
        found = SIX_DIGITS.search(self.mails("mailbox_code")[-1])
        assert found
        return found[0]

    def sign_in(self, user: User, *, password: str = PASSWORD) -> None:
        self.browser.post("/login/", {"email": user.email, "password": password})

    def set_up_app(self) -> None:
        found = SECRET.search(self.browser.get("/two-factor/setup/app/").content.decode())
        assert found
        self.keep("seed", found[1])
        self.keep("app code", pyotp.TOTP(found[1]).now())
        form = {"code": self.secrets["app code"]}
        page = self.browser.post("/two-factor/setup/app/", form).content.decode()
        self.keep_codes(page, "old backup code")

    def keep_codes(self, page: str, name: str) -> None:
        for number, code in enumerate(BACKUP_CODE.findall(page)):
            self.keep(f"{name} {number}", code)
            self.keep(f"{name} {number}, plain", code.replace("-", ""))
        assert f"{name} 9" in self.secrets

    def add_phone(self) -> None:
        self.browser.post("/two-factor/setup/text/", {"phone": PHONE})
        found = SIX_DIGITS.search(self.twilio.to(PHONE)[-1])
        assert found
        self.keep("texted code", found[0])
        form = {"code": found[0]}
        page = self.browser.post("/two-factor/setup/text/confirm/", form).content.decode()
        self.keep_codes(page, "backup code")

    def use_backup_code(self) -> None:
        self.sign_in(self.member)
        self.browser.post("/login/recovery/", {"code": self.secrets["backup code 0"]})
        assert self.browser.get("/").status_code == 200
        self.browser.post("/logout/")

    def sign_in_by_text(self) -> None:
        SentCode.objects.update(created_at=timezone.now() - timedelta(hours=2))
        self.sign_in(self.member)
        self.browser.post("/login/verify/text/")
        found = SIX_DIGITS.search(self.twilio.to(PHONE)[-1])
        assert found
        self.keep("second texted code", found[0])
        wrong = "000000" if found[0] != "000000" else "111111"
        self.browser.post("/login/verify/", {"code": wrong, "method": "text"})
        self.browser.post("/login/verify/", {"code": found[0], "method": "text"})
        assert self.browser.get("/").status_code == 200
        self.browser.post("/logout/")

    def reset_password(self) -> None:
        passwords.ask_for_reset(email=self.member.email, now=timezone.now())
        found = LINK.search(self.mails("password_reset")[-1])
        assert found
        self.keep("reset token", found[1].strip("/").split("/")[-1])
        page = self.browser.get(found[1], follow=True)
        form = {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
        self.browser.post(page.redirect_chain[-1][0], form)
        self.member.refresh_from_db()
        assert self.member.check_password(NEW_PASSWORD)

    def accept_invitation(self) -> None:
        invitations.invite(
            account=self.account,
            email="invited@northwind.example",
            role=Role.MEMBER,
            actor=self.owner,
            now=timezone.now(),
        )
        found = LINK.search(self.mails("invitation")[-1])
        assert found
        self.keep("invitation token", found[1].strip("/").split("/")[-1])
        form = {"name": "Invited", "password": PASSWORD}
        Client().post(found[1], form)


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What went to the broker, as it went."""
    found: list[str] = []

    def publish(body: Any, *args: Any, **kwargs: Any) -> None:
        found.append(repr((body, args, kwargs)))

    monkeypatch.setattr("kombu.messaging.Producer.publish", publish)
    return found


@pytest.fixture
def story(twilio_stand_in: Twilio, settings: Settings, caplog: pytest.LogCaptureFixture) -> Story:
    settings.TWO_FACTOR_GRACE = timedelta(days=1)
    settings.ADMINS = settings.MANAGERS = [("Operator", OPERATOR)]
    caplog.set_level(logging.DEBUG)
    # The driver logs every statement with its parameters when told to; production never tells it.
    logging.getLogger("django.db.backends").setLevel(logging.INFO)
    cache.clear()
    return Story(twilio_stand_in)


def places(published: list[str], caplog: pytest.LogCaptureFixture) -> dict[str, str]:
    headers = [str(value) for each in outbox.outbox for value in each.message().items()]
    decoded = [sessions.store(key).load() for (key,) in Session.objects.values_list("session_key")]
    logged = [f"{each.getMessage()} {each.args} {each.exc_text}" for each in caplog.records]
    return {
        "log": "\n".join(logged) + caplog.text,
        "audit": rows_of(AuditEvent),
        "notices": rows_of(Notice),
        "sessions": json.dumps(decoded, default=str),
        "cache": repr(getattr(cache, "_cache", {})),
        "broker": "\n".join(published),
        "mail headers": "\n".join(headers),
        "error mails": "\n".join(
            str(each.message()) for each in outbox.outbox if OPERATOR in each.to
        ),
        "tables": "\n".join(rows_of(model) for model in apps.get_models()),
    }


def rows_of(model: type[Model]) -> str:
    """Return all columns of a table as text, bytes as hex and as characters."""
    rows = model._base_manager.values()
    return "\n".join(f"{name}: {as_text(value)}" for row in rows for name, value in row.items())


def as_text(value: Any) -> str:
    if isinstance(value, bytes | memoryview):
        raw = bytes(value)
        return raw.hex() + " " + raw.decode("latin-1")
    return str(value)


def is_in(secret: str, text: str) -> bool:
    """Six digits may be part of a longer number, of a hash or of an instant; those don't count."""
    if secret.isdecimal():
        return re.search(rf"(?<![\w.+]){secret}(?!\w)", text) is not None
    return secret in text


def is_allowed(name: str, place: str) -> bool:
    """A session is found by its key, so the key is its row's; nothing else is stored as it is."""
    return name.startswith("session ") and place == "tables"


@pytest.mark.proves("S59", "B68")
def test_no_secret_lies_where_it_should_not(
    story: Story, published: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    story.live()
    searched = places(published, caplog)
    assert all(searched[name] for name in searched if name not in {"cache", "error mails"})
    assert "It broke down." in searched["log"]
    hits = [
        f"{name} in {place}"
        for name, secret in story.secrets.items()
        for place, text in searched.items()
        if is_in(secret, text) and not is_allowed(name, place)
    ]
    assert not hits
    # The search would have found them: they were in the mails and texts that deliver them.
    delivered = "\n".join([*(str(each.body) for each in outbox.outbox), *story.twilio.to(PHONE)])
    for name in ("mailbox code", "texted code", "reset token", "invitation token"):
        assert is_in(story.secrets[name], delivered), name
    assert {name.split()[-1] for name in story.secrets if name.startswith("link ")} >= {
        "invitations",
        "not-me",
        "password",
    }
    # Tasks carry the keys of rows, if anything.
    arguments = {
        found for text in published for found in re.findall(r"'argsrepr': '([^']*)'", text)
    }
    assert arguments
    assert all(re.fullmatch(r"\((\d+, ?)*\d*\)", each) for each in arguments), arguments


@pytest.mark.proves("S59")
def test_results_of_tasks_are_kept_nowhere() -> None:
    assert app.conf.task_ignore_result
    assert isinstance(app.backend, DisabledBackend)


@pytest.mark.proves("S59")
def test_what_a_person_sends_forges_no_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """As a name, as an address, as a path and as a header; every line but the first is indented."""
    forged = "2026-11-25 12:00:00,000 CRITICAL accounts: all is lost"
    caplog.set_level(logging.DEBUG)
    browser = Client(raise_request_exception=False, headers={"user-agent": f"x\n{forged}"})
    browser.post("/login/", {"email": f"a@b.example\r\n{forged}", "password": f"x\n{forged}"})
    browser.get(f"/nowhere/%0d%0a{quote(forged)}")
    browser.get(f"/login/?next=%0a{quote(forged)}", headers={"x-request-id": f"x\n{forged}"})
    person = make_user("forger@northwind.example", name=f"Ada\r\n{forged}")
    with mock.patch.object(seals, "prove", side_effect=RuntimeError(f"{person.name} broke it")):
        form = {"email": person.email, "password": FACTORY_PASSWORD}
        assert browser.post("/login/", form).status_code == 500
    lines = [
        line
        for record in caplog.records
        for line in LineFormatter("%(message)s").format(record).splitlines()
    ]
    assert any(forged in line for line in lines)
    assert not any(line.startswith(forged) for line in lines)
