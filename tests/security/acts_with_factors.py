"""Acts with codes and devices: what is redeemed, sent, set up and taken away."""

from contextlib import suppress
from datetime import datetime
from io import StringIO

import pyotp
import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from accounts.models import Notice
from enforcement import (
    policies,
    support,
)
from tests.enforcement.kit import sign_in, sign_in_with_code
from tests.factories import make_user
from tests.security.acts_world import Deed, World
from tests.twofactor.people import (
    attempt_of,
    enrol_phone,
    redeem,
    stamp_of,
    text,
    wrong,
)
from twofactor import enrolment, mailbox
from twofactor.redeem import CodeRejected, Kind, TooMany, Try
from twofactor.views.texting import NOT_TEXTED


def code_accepted(w: World) -> Deed:
    client, code = sign_in(w.eve.user), w.eve.code_at(w.now)
    return lambda: client.post("/login/verify/", {"code": code})


def code_rejected(w: World) -> Deed:
    client, code = sign_in(w.eve.user), wrong(w.eve.code_at(w.now))
    return lambda: client.post("/login/verify/", {"code": code})


def code_reused(w: World) -> Deed:
    sign_in_with_code(w.eve)
    client, code = sign_in(w.eve.user), w.eve.code_at(w.now)
    return lambda: client.post("/login/verify/", {"code": code})


def codes_throttled(w: World) -> Deed:
    given = attempt_of(w.eve.user, wrong(w.eve.code_at(w.now)))
    for _ in range(5):
        with suppress(CodeRejected):
            redeem(given, now=w.now)
    return lambda: refused(given, now=w.now)


def refused(given: Try, *, now: datetime) -> None:
    with pytest.raises(TooMany):
        redeem(given, now=now)


def text_sent(w: World) -> Deed:
    phone = enrol_phone(make_user(), now=w.now)
    return lambda: text(phone, now=w.now)


def text_refused(w: World) -> Deed:
    phone = enrol_phone(make_user(), now=w.now)
    w.settings.SMS_DAILY_LIMIT = 0

    def ask() -> None:
        with suppress(*NOT_TEXTED):
            text(phone, now=w.now)

    return ask


def setup_link_made(w: World) -> Deed:
    return lambda: call_command("setup_link", w.ada.email, stdout=StringIO())


def mailbox_proved(w: World) -> Deed:
    client, code = in_set_up(w)
    return lambda: client.post("/two-factor/setup/mailbox/", {"code": code})


def in_set_up(w: World) -> tuple[Client, str]:
    policies.switch_on(account=w.account, actor=w.owner, now=w.now)
    w.clock.forward(days=2)
    client = sign_in(w.ada)
    notice = Notice.objects.filter(kind="mailbox_code", user=w.ada).latest("pk")
    return client, mailbox.code_for_mail(notice, w.now)["code"]


def device_confirmed(w: World) -> Deed:
    client, code = in_set_up(w)
    client.post("/two-factor/setup/mailbox/", {"code": code})
    page = client.get("/two-factor/setup/app/").content.decode()
    secret = page.split('data-secret="')[1].split('"')[0]
    given = {"code": pyotp.TOTP(secret).at(timezone.now())}
    return lambda: client.post("/two-factor/setup/app/", given)


def device_removed(w: World) -> Deed:
    enrol_phone(w.eve.user, now=w.now)
    stamp = stamp_of(w.eve.user)
    return lambda: enrolment.remove(w.eve.user, method="text", stamp_read=stamp, now=w.now)


def codes_made(w: World) -> Deed:
    stamp = stamp_of(w.eve.user)
    return lambda: enrolment.new_codes(w.eve.user, stamp_read=stamp, now=w.now)


def code_used(w: World) -> Deed:
    given = attempt_of(w.eve.user, w.eve.codes[0], kind=Kind.BACKUP)
    return lambda: redeem(given, now=w.now)


def two_factor_reset(w: World) -> Deed:
    return lambda: support.reset(user=w.eve.user, actor=w.sam, reason="asked", now=w.now)
