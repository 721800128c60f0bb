"""A phone number, from set-up to its replacement: two digits of it are seen, and no more."""

import logging
from typing import Any

import pytest
from django.core import mail as outgoing
from django.core import serializers

from accounts.models import AuditEvent, Notice, User
from tests.enforcement.desk import person_page
from tests.journeys.clock import Clock
from tests.journeys.driver import CONFIRM_TEXT, SETUP_TEXT, TEXT_AGAIN, Browser
from tests.journeys.pages import Page
from tests.journeys.post import SETUP_LINK, html_of, link_in, mails_to, run_jobs, subjects
from tests.journeys.test_j03_sets_up_a_phone import last_code, wrong
from tests.journeys.world import Northwind
from tests.services.twilio import Answer, Twilio
from twofactor.models import CodeFailure, SentCode, SMSDevice

pytestmark = pytest.mark.proves("S28")

NUMBER, OTHER = "+12025550123", "+12025550188"
DIGITS = ("5550123", "5550188", "555-0123", "555-0188", "555 0123", "555 0188")


class Looking(Browser):
    """A browser that keeps every page it was shown."""

    def __init__(self, person: User) -> None:
        super().__init__(person)
        self.seen: list[str] = []

    def _show(self, response: Any) -> Page:
        page = super()._show(response)
        self.seen.append(page.html)
        return page


def set_up_a_phone(ada: Looking, twilio_stand_in: Twilio, clock: Clock) -> None:
    """Refused at first, asked for twice, and mistyped once."""
    ada.open(link_in(mails_to(ada.email)[0], SETUP_LINK))
    ada.give_password()
    ada.choose("text")
    refused = Answer(code=21610, message=f"{NUMBER} has opted out")
    twilio_stand_in.answers.append(refused)
    ada.submit(SETUP_TEXT, phone=NUMBER)
    typed = ada.seen.pop()  # the form holds what was just typed, for it to be mended
    assert NUMBER in typed
    clock.forward(minutes=1)
    ada.open(SETUP_TEXT)
    ada.submit(SETUP_TEXT, phone=NUMBER)
    ada.submit(TEXT_AGAIN)
    ada.submit(CONFIRM_TEXT, code=wrong(last_code(twilio_stand_in)))
    ada.submit(CONFIRM_TEXT, code=last_code(twilio_stand_in))
    assert "ending in 23" in " ".join(ada.seen)


def sign_in_and_replace_it(ada: Looking, twilio_stand_in: Twilio, clock: Clock) -> None:
    ada.open("/settings/security/")
    ada.sign_out()
    clock.forward(hours=1)
    ada.give_password()
    ada.submit("/login/verify/text/")
    ada.give_code(last_code(twilio_stand_in))
    ada.open("/two-factor/setup/text/")
    clock.forward(minutes=1)
    ada.submit(SETUP_TEXT, phone=OTHER)
    ada.submit(CONFIRM_TEXT, code=last_code(twilio_stand_in, OTHER))


def stored() -> list[str]:
    kept: tuple[Any, ...] = (AuditEvent, Notice, SentCode, SMSDevice, CodeFailure)
    return [serializers.serialize("json", list(model.objects.all())) for model in kept]


def test_two_digits_are_seen_on_pages_and_in_mails_and_the_number_nowhere(
    northwind: Northwind,
    support: Browser,
    twilio_stand_in: Twilio,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    northwind.require()
    run_jobs()
    ada = Looking(northwind.ada)
    set_up_a_phone(ada, twilio_stand_in, clock)
    sign_in_and_replace_it(ada, twilio_stand_in, clock)
    run_jobs()
    assert SMSDevice.objects.get().last2 == "88"
    assert [one for one in subjects(ada.email) if "replaced" in one]
    support_saw = [
        support.open(person_page(northwind.ada)).html,
        support.open("/admin/accounts/auditevent/").html,
    ]
    mails = [f"{one.subject} {one.body} {html_of(one)}" for one in outgoing.outbox]
    logs = [record.getMessage() for record in caplog.records]
    for text in [*ada.seen, *support_saw, *mails, *logs, *stored()]:
        assert not [digits for digits in DIGITS if digits in text], text
