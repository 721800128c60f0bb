"""Set-up in the browser: forced, in the window, and by who is enrolled."""

import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyotp
import pytest

from accounts import mail
from accounts.models import Account, AuditEvent, Notice, User
from enforcement import policies, tasks
from tests.factories import PASSWORD, make_account, make_user
from tests.twofactor.browsing import Browser, shown_codes
from tests.twofactor.people import Enrolled, enrol_app, wrong
from twofactor import backup_codes, devices, mailbox
from twofactor.models import TOTPDevice

pytestmark = pytest.mark.django_db

SETUP, APP, TEXT = "/two-factor/setup/", "/two-factor/setup/app/", "/two-factor/setup/text/"
MAILBOX, CODES = "/two-factor/setup/mailbox/", "/two-factor/backup-codes/"
DAY = timedelta(hours=24)
NOT_DONE = "Nothing was done yet. Confirm that it is you, then press the button again."
NO_TEXTS = "No texts are sent here. Use an authenticator app."


@pytest.fixture
def tab(now: datetime) -> Browser:
    return Browser(now=now)


@pytest.fixture
def ada() -> User:
    return make_user("ada@northwind.example")


@pytest.fixture
def account(ada: User) -> Account:
    return make_account(members=(ada,))


@pytest.fixture
def overdue(account: Account, ada: User, now: datetime) -> User:
    """A member whose time is up."""
    require(account, now=now - DAY)
    return ada


@pytest.fixture
def in_window(account: Account, ada: User, now: datetime) -> User:
    require(account, now=now - DAY / 2)
    return ada


def require(account: Account, *, now: datetime) -> None:
    account.memberships.update(joined_at=now - DAY)
    policies.switch_on(account=account, actor=None, now=now)


def prove_mailbox(tab: Browser, user: User, method: str = "app") -> Any:
    asked = tab.post(SETUP, method=method)
    assert asked.url == f"{MAILBOX}?method={method}"
    return tab.post(asked.url, code=tab.mailed_code(user))


def secret_on(page: Any) -> str:
    found = re.search(r'id="totp-secret" data-secret="([A-Z2-7]{32})"', page.content.decode())
    assert found is not None
    return found[1]


def test_who_must_set_up_gets_in_by_setting_up_an_app(overdue: User, tab: Browser) -> None:
    assert tab.give_password(overdue, next_url="/settings/?x=1&y=2").url == MAILBOX
    assert not tab.is_in()
    assert prove_mailbox(tab, overdue).url == APP
    page = tab.get(APP)
    assert "no-store" in page["Cache-Control"]
    assert "<svg" in page.content.decode()
    assert "otpauth://totp/" in page.content.decode()
    secret = secret_on(page)
    assert secret_on(tab.get(APP)) == secret
    code = pyotp.TOTP(secret).at(tab.now)
    again = tab.post(APP, code=wrong(code))
    assert secret_on(again) == secret
    assert "id_code_error" in again.content.decode()
    done = tab.post(APP, code=code)
    assert done.status_code == 200
    assert len(re.findall(r'<code class="backup-code">', done.content.decode())) == 10
    assert "no-store" in done["Cache-Control"]
    assert 'value="/settings/?x=1&amp;y=2"' in done.content.decode()
    assert tab.is_in()
    overdue.refresh_from_db()
    assert devices.can_verify(overdue)


@pytest.mark.proves("S24", "B57")
def test_the_ten_codes_are_shown_once_and_ticked(overdue: User, tab: Browser) -> None:
    tab.give_password(overdue)
    prove_mailbox(tab, overdue)
    code = pyotp.TOTP(secret_on(tab.get(APP))).at(tab.now)
    codes = shown_codes(tab.post(APP, code=code))
    assert backup_codes.are_unsaved(overdue)
    page = tab.get(CODES)
    assert not any(code in page.content.decode() for code in codes)
    assert not any(code in json.dumps(dict(tab.client.session.items())) for code in codes)
    assert backup_codes.are_unsaved(overdue)
    assert tab.post(CODES, saved="on", next="/settings/security/").url == "/settings/security/"
    assert not backup_codes.are_unsaved(overdue)
    new = shown_codes(tab.post(CODES, new="on"))
    assert not set(new) & set(codes)
    assert tab.is_in()


@pytest.mark.proves("B65")
def test_new_codes_need_fresh_proof(overdue: User, tab: Browser) -> None:
    tab.give_password(overdue)
    prove_mailbox(tab, overdue)
    secret = secret_on(tab.get(APP))
    codes = shown_codes(tab.post(APP, code=pyotp.TOTP(secret).at(tab.now)))
    tab.now += timedelta(minutes=10)
    asked = tab.post(CODES, new="on")
    assert asked.url == "/reauthenticate/?next=%2Ftwo-factor%2Fbackup-codes%2F"
    assert NOT_DONE in tab.get(asked.url).content.decode()
    assert backup_codes.codes_left(overdue) == 10
    new_code = pyotp.TOTP(secret).at(tab.now)
    proved = tab.post(asked.url, password="correct horse battery", code=new_code)
    assert proved.url == CODES
    made = tab.post(CODES, new="on")
    assert not set(shown_codes(made)) & set(codes)
    assert "The old ones work no more." in made.content.decode()


def test_another_mail_asked_for_too_early_is_refused_beside_the_field(
    overdue: User, tab: Browser
) -> None:
    tab.give_password(overdue)
    asked = tab.post(SETUP, method="app")
    early = tab.post(asked.url, send="on")
    assert early.status_code == 429
    assert "You can have another mail from" in early.content.decode()
    assert "This field is required" not in early.content.decode()
    assert tab.post(asked.url, code=tab.mailed_code(overdue)).url == APP


def test_set_up_by_text(overdue: User, tab: Browser, texts_in_a_folder: Path) -> None:
    tab.give_password(overdue)
    assert prove_mailbox(tab, overdue, "text").url == TEXT
    wrong_number = tab.post(TEXT, phone="+44 20 7946 0018")
    assert "landline" in wrong_number.content.decode()
    sent = tab.post(TEXT, country="US", phone="(202) 555-0123")
    assert sent.url == "/two-factor/setup/text/confirm/"
    page = tab.get(sent.url)
    assert "23" in page.content.decode()
    assert "5550123" not in page.content.decode()
    text = json.loads(next(texts_in_a_folder.glob("*.json")).read_text())
    assert text["to"] == "+12025550123"
    done = tab.post(sent.url, code=text["body"][-6:])
    assert len(shown_codes(done)) == 10
    assert tab.is_in()


@pytest.mark.proves("B75", "S26")
def test_the_text_is_not_sent_again_by_looking(
    overdue: User, tab: Browser, texts_in_a_folder: Path
) -> None:
    tab.give_password(overdue)
    prove_mailbox(tab, overdue, "text")
    sent = tab.post(TEXT, phone="+12025550123")
    for _ in range(5):
        tab.get(sent.url)
    assert len(list(texts_in_a_folder.glob("*.json"))) == 1
    again = tab.post("/two-factor/setup/text/send/")
    assert again.status_code == 429
    tab.now += timedelta(seconds=30)
    assert tab.post("/two-factor/setup/text/send/").url == sent.url
    assert len(list(texts_in_a_folder.glob("*.json"))) == 2


@pytest.mark.proves("B99")
@pytest.mark.parametrize("path", [APP, TEXT, "/two-factor/setup/text/confirm/"])
def test_a_password_alone_binds_no_device(path: str, overdue: User, tab: Browser) -> None:
    tab.give_password(overdue)
    assert tab.get(path).url == SETUP
    assert tab.post(path, code="123456", phone="+12025550123").url == SETUP
    assert not TOTPDevice.objects.exists()


@pytest.mark.proves("B99")
def test_a_dormant_member_who_sets_up_late_is_told_and_owners_read_who_had_not(
    overdue: User, account: Account, tab: Browser
) -> None:
    """Whoever it was has read the mailbox; the person hears of it there, with a way back."""
    tasks.carry_out(now=tab.now)
    owner = account.memberships.owners().get().user
    result = Notice.objects.get(kind="owner_result", user=owner)
    assert overdue.email in str(result.context) or overdue.get_full_name() in str(result.context)
    tab.give_password(overdue)
    prove_mailbox(tab, overdue)
    page = tab.post(APP, code=pyotp.TOTP(secret_on(tab.get(APP))).at(tab.now))
    assert shown_codes(page)
    told = Notice.objects.get(kind="set_up_done", user=overdue)
    assert mail.kind_of(told).offers_not_me  # type: ignore[union-attr]
    rows = AuditEvent.objects.filter(subject_id=overdue.pk, event="device_confirmed")
    assert rows.count() == 1


def test_the_mailed_link_spares_the_code(overdue: User, tab: Browser) -> None:
    token = mailbox.make_token(overdue, now=tab.now)
    page = tab.get(f"/two-factor/setup/link/{token}/")
    assert page.url == "/login/?next=%2Ftwo-factor%2Fsetup%2F"
    tab.give_password(overdue)
    assert tab.post(SETUP, method="app").url == APP
    assert tab.get(APP).status_code == 200


def test_a_link_followed_half_way_counts_too(overdue: User, tab: Browser) -> None:
    tab.give_password(overdue)
    token = mailbox.make_token(overdue, now=tab.now)
    assert tab.get(f"/two-factor/setup/link/{token}/").url == SETUP
    assert tab.get(APP).status_code == 200


@pytest.mark.proves("B99")
def test_a_link_of_somebody_else_proves_nothing(overdue: User, tab: Browser) -> None:
    token = mailbox.make_token(make_user(), now=tab.now)
    tab.get(f"/two-factor/setup/link/{token}/")
    tab.give_password(overdue)
    assert tab.get(APP).url == SETUP


def test_a_bad_link_says_so(tab: Browser) -> None:
    assert tab.get("/two-factor/setup/link/1-2-3/").status_code == 410


def test_where_no_texts_are_sent_none_are_offered(
    in_window: User, tab: Browser, settings: Any
) -> None:
    tab.give_password(in_window)
    assert 'value="text"' in tab.get(SETUP).content.decode()
    settings.SMS_COUNTRIES = []
    assert 'value="text"' not in tab.get(SETUP).content.decode()
    refused = tab.post(SETUP, method="text")
    assert refused.context["form"].errors["method"] == [NO_TEXTS]
    prove_mailbox(tab, in_window)
    assert tab.get(TEXT).url == SETUP
    assert NO_TEXTS in tab.get(SETUP).content.decode()


def test_in_the_window_set_up_is_open_and_can_wait(in_window: User, tab: Browser) -> None:
    tab.give_password(in_window)
    assert tab.is_in()
    assert "Not now" in tab.get(SETUP).content.decode()
    other = Browser(now=tab.now)
    other.give_password(in_window)
    prove_mailbox(tab, in_window)
    code = pyotp.TOTP(secret_on(tab.get(APP))).at(tab.now)
    assert len(shown_codes(tab.post(APP, code=code))) == 10
    assert tab.is_in()
    assert not other.is_in()


def test_in_the_window_an_old_password_is_asked_again(in_window: User, tab: Browser) -> None:
    tab.give_password(in_window)
    tab.now += timedelta(minutes=10)
    for path in (SETUP, APP, TEXT, MAILBOX):
        assert tab.get(path).url.startswith("/reauthenticate/?next=")
        assert tab.post(path, method="app").url.startswith("/reauthenticate/?next=")
    asked = tab.get(SETUP)
    assert tab.post(asked.url, password="wrong").status_code == 200
    assert tab.post(asked.url, password="correct horse battery").url == SETUP
    assert tab.get(SETUP).status_code == 200


def test_when_the_deadline_passes_in_set_up_the_secret_stays_good(
    account: Account, ada: User, tab: Browser, now: datetime
) -> None:
    require(account, now=now - DAY + timedelta(minutes=5))
    tab.give_password(ada)
    prove_mailbox(tab, ada)
    secret = secret_on(tab.get(APP))
    tab.now = now + timedelta(minutes=6)
    assert len(shown_codes(tab.post(APP, code=pyotp.TOTP(secret).at(tab.now)))) == 10
    assert tab.is_in()


def test_without_self_service_nobody_sets_up_unasked(ada: User, tab: Browser) -> None:
    make_account(members=(ada,))
    tab.give_password(ada)
    for path in (SETUP, APP, TEXT):
        assert tab.get(path).status_code == 403
    assert not TOTPDevice.objects.exists()


def test_with_self_service_anybody_may(ada: User, tab: Browser, settings: Any) -> None:
    settings.TWO_FACTOR_SELF_SERVICE = True
    tab.give_password(ada)
    assert tab.get(SETUP).status_code == 200


def test_an_owner_who_could_require_it_may(tab: Browser) -> None:
    owner = make_user()
    make_account(owner=owner)
    tab.give_password(owner)
    assert tab.get(SETUP).status_code == 200


def test_proof_of_the_mailbox_can_be_switched_off(
    overdue: User, tab: Browser, settings: Any
) -> None:
    settings.TWO_FACTOR_MAILBOX_PROOF = False
    tab.give_password(overdue)
    assert tab.post(SETUP, method="app").url == APP


def sign_in(tab: Browser, person: Enrolled) -> None:
    tab.give_password(person.user)
    tab.post("/login/verify/", code=person.code_at(tab.now))
    assert tab.is_in()


@pytest.mark.proves("B64", "B65")
def test_an_enrolled_person_replaces_the_app_with_fresh_proof(tab: Browser, now: datetime) -> None:
    ada = enrol_app(now=now)
    sign_in(tab, ada)
    assert tab.post(SETUP, method="app").url == APP
    assert "You have an authenticator app already." in tab.get(APP).content.decode()
    assert "already" not in tab.get(TEXT).content.decode()
    new = pyotp.TOTP(secret_on(tab.get(APP)))
    assert len(shown_codes(tab.post(APP, code=new.at(tab.now)))) == 10
    tab.now += timedelta(minutes=11)
    assert tab.get(APP).url.startswith("/reauthenticate/")
    assert tab.post(APP, code=new.at(tab.now)).url.startswith("/reauthenticate/")


def test_who_scanned_slowly_proves_anew_and_ends_with_the_same_key(
    tab: Browser, now: datetime
) -> None:
    ada = enrol_app(now=now)
    sign_in(tab, ada)
    tab.post(SETUP, method="app")
    new = pyotp.TOTP(secret_on(tab.get(APP)))
    tab.now += timedelta(minutes=11)
    asked = tab.post(APP, code=new.at(tab.now))
    assert asked.url == "/reauthenticate/?next=%2Ftwo-factor%2Fsetup%2Fapp%2F"
    assert NOT_DONE in tab.get(asked.url).content.decode()
    proved = tab.post(asked.url, password=PASSWORD, code=ada.code_at(tab.now))
    assert proved.url == APP
    assert secret_on(tab.get(APP)) == new.secret
    tab.now += timedelta(seconds=30)
    assert len(shown_codes(tab.post(APP, code=new.at(tab.now)))) == 10


@pytest.mark.proves("S16", "B64")
def test_removing_the_last_device_is_refused(tab: Browser, now: datetime) -> None:
    ada = enrol_app(now=now)
    sign_in(tab, ada)
    tab.post("/two-factor/remove/app/")
    assert devices.has_device(ada.user)
    assert tab.get("/two-factor/remove/other/").status_code == 404
