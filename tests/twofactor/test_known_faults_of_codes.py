"""Faults that others shipped where codes are typed, tried here on the whole stack."""

import secrets
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyotp
import pytest
from django.contrib import admin
from django.core.cache import cache

from accounts.models import AuditEvent, Notice, Session
from tests.factories import PASSWORD, make_account, make_user
from tests.twofactor.browsing import Browser, shown_codes
from tests.twofactor.people import (
    STEP,
    Enrolled,
    enrol_app,
    enrol_phone,
    redeem,
    text,
    texted,
)
from tests.twofactor.test_challenge_pages import latest_text
from tests.twofactor.test_setup_pages import APP, CODES, SETUP, TEXT, prove_mailbox, require
from tests.twofactor.test_setup_pages import secret_on as secret_shown
from twofactor import backup_codes, devices, enrolment, sent_codes, totp
from twofactor.models import BackupCode, BackupCodeSet, SMSDevice, TOTPDevice
from twofactor.redeem import Kind

pytestmark = pytest.mark.django_db

VERIFY, RECOVERY, CANCEL = "/login/verify/", "/login/recovery/", "/login/cancel/"
DAY = timedelta(hours=24)


@pytest.fixture
def ada(now: datetime) -> Enrolled:
    return enrol_app(now=now)


def enter(tab: Browser, person: Enrolled, code: str) -> Any:
    tab.give_password(person.user)
    return tab.post(VERIFY, code=code)


@pytest.mark.proves("S03", "B40")
def test_after_a_later_code_neither_it_nor_an_earlier_one_counts_again(
    ada: Enrolled, tab: Browser, now: datetime
) -> None:
    enter(tab, ada, ada.code_at(now + STEP))
    assert tab.is_in()
    tab.post("/logout/")
    for step in (STEP, timedelta()):
        cache.clear()
        again = Browser(now=now)
        page = enter(again, ada, ada.code_at(now + step))
        assert "used already" in page.content.decode()
        assert not again.is_in()
    reused = AuditEvent.objects.filter(event="code_reused", subject_id=ada.user.pk)
    assert reused.count() == 2


@pytest.mark.proves("S02")
def test_no_header_of_the_client_moves_the_clock(ada: Enrolled, tab: Browser) -> None:
    early = tab.now - timedelta(minutes=2)
    tab.client.defaults["HTTP_DATE"] = f"{early:%a, %d %b %Y %H:%M:%S} GMT"
    enter(tab, ada, ada.code_at(early))
    assert not tab.is_in()
    tab.post(VERIFY, code=ada.code_at(tab.now))
    assert tab.is_in()


@pytest.mark.proves("B44")
@pytest.mark.parametrize("zeros", ["0", "00"])
def test_a_code_of_the_app_may_begin_with_zeros(
    zeros: str, ada: Enrolled, tab: Browser, now: datetime
) -> None:
    while not ada.code_at(tab.now).startswith(zeros):
        tab.now += STEP
    enter(tab, ada, ada.code_at(tab.now))
    assert tab.is_in()


@pytest.mark.proves("B44")
def test_a_text_of_nothing_but_zeros_is_sent_and_accepted(
    now: datetime, texts_in_a_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ben, digits = enrol_phone(now=now), sent_codes._digits
    monkeypatch.setattr(sent_codes, "_digits", lambda made: digits(bytes(len(made))))
    sent = text(ben, now=now)
    assert latest_text(texts_in_a_folder) == "000000"
    assert redeem(texted(ben, sent), now=now) is Kind.TEXT


@pytest.mark.proves("B46")
@pytest.mark.parametrize("between", [" ", "-", "\t", "\N{NO-BREAK SPACE}"])
def test_a_code_counts_as_apps_show_it(between: str, ada: Enrolled, tab: Browser) -> None:
    code = ada.code_at(tab.now)
    enter(tab, ada, f" {code[:3]}{between}{code[3:]}\r\n")
    assert tab.is_in()


@pytest.mark.proves("B48")
@pytest.mark.parametrize(
    ("seconds", "counts"), [(-30, True), (30, True), (-90, False), (90, False), (3600, False)]
)
def test_a_phone_may_be_half_a_minute_off(
    seconds: int, counts: bool, ada: Enrolled, tab: Browser
) -> None:
    enter(tab, ada, ada.code_at(tab.now + timedelta(seconds=seconds)))
    assert tab.is_in() is counts


@pytest.mark.proves("B48")
@pytest.mark.parametrize(
    ("seconds", "counts"), [(30, True), (-30, True), (90, False), (-90, False), (3600, False)]
)
def test_set_up_takes_half_a_minute_too_and_hints_at_the_phones_time_beyond(
    seconds: int, counts: bool, tab: Browser, now: datetime
) -> None:
    new = make_user()
    require(make_account(members=(new,)), now=now - DAY)
    tab.give_password(new)
    prove_mailbox(tab, new)
    secret = secret_shown(tab.get(APP))
    page = tab.post(APP, code=pyotp.TOTP(secret).at(now + timedelta(seconds=seconds)))
    assert devices.has_device(new) is counts
    assert ("must set its time by itself" in page.content.decode()) is not counts


@pytest.mark.proves("B48")
def test_sign_in_tells_no_more_than_wrong_of_a_phone_that_is_an_hour_off(
    ada: Enrolled, tab: Browser, now: datetime
) -> None:
    late = enter(tab, ada, ada.code_at(now + timedelta(hours=1))).context["form"].errors
    never = tab.post(VERIFY, code="000000" if ada.code_at(now) != "000000" else "1" * 6)
    assert late == never.context["form"].errors
    assert not tab.is_in()


@pytest.mark.proves("B56")
@pytest.mark.parametrize("typed", ["{}", "1. {}", "10) {}", "  {} \n"])
def test_a_pasted_backup_code_counts_once(
    typed: str, ada: Enrolled, tab: Browser, now: datetime
) -> None:
    given = typed.format(ada.codes[0].lower())
    tab.give_password(ada.user)
    tab.post(RECOVERY, code=given)
    assert tab.is_in()
    other = Browser(now=now)
    other.give_password(ada.user)
    other.post(RECOVERY, code=ada.codes[0])
    assert not other.is_in()


@pytest.mark.proves("B57", "S13")
def test_pages_that_show_a_secret_are_stored_nowhere(now: datetime, tab: Browser) -> None:
    new = make_user()
    require(make_account(members=(new,)), now=now - DAY)
    tab.give_password(new)
    prove_mailbox(tab, new)
    page = tab.get(APP)
    secret = secret_shown(page)
    done = tab.post(APP, code=pyotp.TOTP(secret).at(now))
    codes = shown_codes(done)
    again = tab.get(CODES)
    for response in (page, done, again):
        assert "no-store" in response["Cache-Control"]
        assert 'src="http' not in response.content.decode()
    kept = str(dict(tab.client.session.items()))
    assert not any(hidden in again.content.decode() + kept for hidden in [*codes, secret])


@pytest.mark.proves("S24", "B58")
def test_codes_without_a_device_get_nobody_past_the_deadline(
    ada: Enrolled, tab: Browser, now: datetime
) -> None:
    TOTPDevice.objects.filter(user=ada.user).delete()
    require(make_account(members=(ada.user,)), now=now - DAY)
    assert backup_codes.codes_left(ada.user) == 10
    assert tab.give_password(ada.user).url == "/two-factor/setup/mailbox/"
    tab.post(RECOVERY, code=ada.codes[0])
    assert not tab.is_in()
    prove_mailbox(tab, ada.user)
    tab.post(APP, code=pyotp.TOTP(secret_shown(tab.get(APP))).at(now))
    assert tab.is_in()


@pytest.mark.proves("B60")
def test_of_an_app_and_a_phone_set_up_in_two_tabs_one_stays(
    now: datetime, texts_in_a_folder: Path
) -> None:
    new = make_user()
    require(make_account(members=(new,)), now=now - DAY)
    one, two = Browser(now=now), Browser(now=now)
    for browser, method in ((one, "app"), (two, "text")):
        browser.give_password(new)
        browser.post(SETUP, method=method)
        browser.post(f"/two-factor/setup/mailbox/?method={method}", code=one.mailed_code(new))
        browser.now += timedelta(minutes=1)
        one.now = two.now = browser.now
    two.post(TEXT, number="202 555 0123", country="US")
    one.post(APP, code=pyotp.TOTP(secret_shown(one.get(APP))).at(one.now))
    assert one.is_in()
    two.post(f"{TEXT}confirm/", code="000000")
    assert "no longer good" in two.get("/login/").content.decode()
    assert not two.is_in()
    assert BackupCodeSet.objects.filter(user=new).count() == 1
    assert devices.app_of(new) is not None
    assert devices.phone_of(new) is None


@pytest.mark.proves("B61", "S13")
def test_unfinished_set_up_is_no_set_up_when_the_deadline_passes(
    now: datetime, tab: Browser
) -> None:
    new = make_user()
    account = make_account(members=(new,))
    require(account, now=now - DAY + timedelta(minutes=5))
    tab.give_password(new)
    prove_mailbox(tab, new)
    secret = secret_shown(tab.get(APP))
    tab.post(TEXT, number="202 555 0123", country="US")
    tab.now += timedelta(minutes=6)
    assert tab.get("/settings/").status_code == 302
    other = Browser(now=tab.now)
    assert other.give_password(new).url == "/two-factor/setup/mailbox/"
    other.post(VERIFY, code=pyotp.TOTP(secret).at(tab.now))
    assert not other.is_in()
    assert not devices.has_device(new)


@pytest.mark.proves("S13")
def test_leaving_at_the_picture_changes_no_sign_in(ada: Enrolled, tab: Browser) -> None:
    enter(tab, ada, ada.code_at(tab.now))
    pending = secret_shown(tab.get(APP)) if tab.post(SETUP, method="app").url == APP else ""
    tab.now += timedelta(minutes=31)
    other = Browser(now=tab.now)
    enter(other, ada, pyotp.TOTP(pending).at(tab.now))
    assert not other.is_in()
    other.post(VERIFY, code=ada.code_at(tab.now))
    assert other.is_in()


@pytest.mark.proves("B64")
def test_no_page_takes_the_last_device_of_whom_the_rule_binds(
    ada: Enrolled, tab: Browser, now: datetime
) -> None:
    require(make_account(members=(ada.user,)), now=now - DAY)
    enter(tab, ada, ada.code_at(now))
    assert "/two-factor/remove/app/" not in tab.get("/settings/security/").content.decode()
    tab.post("/two-factor/remove/app/")
    assert devices.has_device(ada.user)
    assert not any(admin.site.is_registered(model) for model in (TOTPDevice, SMSDevice, BackupCode))
    enrolment.reset(ada.user, actor=make_user(), reason="lost", now=now)
    assert not tab.is_in()


IDLE = [
    ("/two-factor/remove/app/", {}),
    (SETUP, {"method": "app"}),
    (SETUP, {"method": "text"}),
    (APP, {"code": "1"}),
    (TEXT, {"number": "202 555 0199", "country": "US"}),
    (CODES, {"new": "on"}),
]


@pytest.mark.proves("B65")
@pytest.mark.parametrize(("path", "fields"), IDLE)
def test_an_idle_session_changes_no_factor(
    path: str, fields: dict[str, str], tab: Browser, now: datetime
) -> None:
    both = enrol_phone(enrol_app(now=now - timedelta(hours=3)).user, now=now)
    tab.give_password(both.user)
    tab.post(RECOVERY, code=both.codes[0])
    assert tab.is_in()
    tab.now += timedelta(minutes=11)
    before = _factors()
    asked = tab.post(path, **fields)
    assert asked.url.startswith("/reauthenticate/")
    tab.post(asked.url, password=PASSWORD)
    assert tab.post(path, **fields).url.startswith("/reauthenticate/")
    assert _factors() == before


def _factors() -> list[list[tuple[Any, ...]]]:
    models = (TOTPDevice, SMSDevice, BackupCodeSet, BackupCode)
    return [list(model._default_manager.order_by("pk").values_list()) for model in models]


@pytest.mark.proves("B65")
def test_every_change_of_a_factor_is_mailed(now: datetime) -> None:
    ada = enrol_app(now=now)
    phone = enrol_phone(ada.user, now=now)
    enrolment.new_codes(phone.user, stamp_read=phone.user.stamp, now=now)
    phone.user.refresh_from_db()
    enrolment.remove(phone.user, method="app", stamp_read=phone.user.stamp, now=now)
    kinds = set(Notice.objects.filter(user=ada.user).values_list("kind", flat=True))
    assert {"set_up_done", "device_added", "codes_made", "device_removed"} <= kinds


@pytest.mark.proves("S06")
def test_two_tabs_of_one_browser_are_never_two_people(
    ada: Enrolled, tab: Browser, now: datetime
) -> None:
    eve = enrol_app(now=now)
    tab.give_password(ada.user)
    tab.give_password(eve.user)
    tab.post(VERIFY, code=ada.code_at(now), device=str(ada.app and ada.app.pk))
    assert not tab.is_in()
    tab.post(VERIFY, code=eve.code_at(now))
    assert tab.is_in()
    assert set(Session.objects.exclude(user=None).values_list("user", flat=True)) == {eve.user.pk}


@pytest.mark.proves("S06")
@pytest.mark.parametrize("before", ["nothing", "cancel", "sign-out"])
def test_a_code_without_its_password_opens_nothing(
    before: str, ada: Enrolled, tab: Browser
) -> None:
    if before == "cancel":
        tab.give_password(ada.user)
        tab.post(CANCEL)
    if before == "sign-out":
        enter(tab, ada, ada.code_at(tab.now))
        tab.post("/logout/")
    for path, code in ((VERIFY, ada.code_at(tab.now + STEP)), (RECOVERY, ada.codes[0])):
        assert tab.post(path, code=code, device=str(ada.app and ada.app.pk)).url.startswith(
            "/login/"
        )
    assert not tab.is_in()
    assert not Session.objects.exclude(user=None).exists()
    assert backup_codes.codes_left(ada.user) == 10


@pytest.mark.proves("S22")
def test_equal_codes_lie_as_different_rows(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup_codes, "new_code", lambda: "ACDEFGHJKMNPQRTWXY")
    for _ in range(2):
        enrol_app(now=now)
    stored = [bytes(row.sealed_hash) for row in BackupCode.objects.all()]
    assert len(set(stored)) == len(stored) == 20
    made = BackupCodeSet.objects.earliest("pk")
    hashed = backup_codes.slow_hash("ACDEFGHJKMNPQRTWXY", bytes(made.salt))
    assert not any(hashed in row for row in stored)


@pytest.mark.proves("S21")
def test_codes_and_secrets_are_drawn_from_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    class Exhausted(Exception):
        pass

    def no_bits(_self: object, _count: int) -> int:
        raise Exhausted

    monkeypatch.setattr(secrets.SystemRandom, "getrandbits", no_bits)
    for draw in (backup_codes.new_code, totp.new_secret):
        with pytest.raises(Exhausted):
            draw()


@pytest.mark.proves("S01")
def test_what_an_app_is_told_is_what_we_check(ada: Enrolled) -> None:
    told = pyotp.parse_uri(totp.provisioning_uri(ada.secret, name="ada"))
    assert isinstance(told, pyotp.TOTP)
    assert (told.digits, told.interval, told.digest().name) == (6, 30, "sha1")
    assert len(told.byte_secret()) * 8 == 160
