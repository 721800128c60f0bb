"""Many at once on PostgreSQL: whatever is spent is spent once, and every guess is counted."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pyotp
import pytest

from tests.integration.threads import at_once, raised
from tests.twofactor.people import (
    attempt_of,
    enrol_app,
    enrol_phone,
    redeem,
    text,
    texted,
    wrong,
)
from twofactor import backup_codes, enrolment
from twofactor.models import BackupCodeSet, CodeFailure, SentCode, TOTPDevice
from twofactor.redeem import CodeRejected, Kind, StartOver, TooMany

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

MANY = 30


@pytest.mark.proves("S04", "B53")
def test_one_code_of_the_app_is_accepted_once(now: datetime) -> None:
    ada = enrol_app(now=now)
    given = attempt_of(ada.user, ada.code_at(now))
    results = at_once([partial(redeem, given, now=now)] * MANY)
    assert results.count(Kind.APP) == 1
    assert set(raised(results)) <= {CodeRejected, TooMany}


@pytest.mark.proves("S09")
def test_wrong_codes_share_one_budget(now: datetime) -> None:
    ada = enrol_app(now=now)
    given = attempt_of(ada.user, wrong(ada.code_at(now)))
    results = at_once([partial(redeem, given, now=now)] * MANY)
    assert raised(results).count(CodeRejected) == 5
    assert raised(results).count(TooMany) == MANY - 5
    assert CodeFailure.objects.filter(user=ada.user).count() == 5
    assert TOTPDevice.objects.get(user=ada.user).failures == 5


@pytest.mark.proves("S23", "B53")
def test_one_backup_code_is_spent_once(now: datetime) -> None:
    ada = enrol_app(now=now)
    given = attempt_of(ada.user, ada.codes[0], kind=Kind.BACKUP)
    results = at_once([partial(redeem, given, now=now)] * MANY)
    assert results.count(Kind.BACKUP) == 1
    assert backup_codes.codes_left(ada.user) == 9


@pytest.mark.proves("S23", "B53")
def test_two_backup_codes_are_spent_by_two(now: datetime) -> None:
    ada = enrol_app(now=now)
    tries = [attempt_of(ada.user, code, kind=Kind.BACKUP) for code in ada.codes[:2]]
    results = at_once([partial(redeem, given, now=now) for given in tries])
    assert results == [Kind.BACKUP, Kind.BACKUP]
    assert backup_codes.codes_left(ada.user) == 8


@pytest.mark.proves("S25")
def test_one_texted_code_is_accepted_once(now: datetime) -> None:
    ben = enrol_phone(now=now)
    given = texted(ben, text(ben, now=now))
    results = at_once([partial(redeem, given, now=now)] * MANY)
    assert results.count(Kind.TEXT) == 1


@pytest.mark.proves("S26")
def test_many_clicks_are_one_text(now: datetime, texts_in_a_folder: Path) -> None:
    ben = enrol_phone(now=now)
    before = len(list(texts_in_a_folder.glob("*.json")))
    results = at_once([partial(text, ben, now=now)] * MANY)
    assert raised(results) == [TooMany] * (MANY - 1)
    assert len(list(texts_in_a_folder.glob("*.json"))) == before + 1
    assert SentCode.objects.filter(user=ben.user, purpose="sign_in").count() == 1


@pytest.mark.proves("S24")
def test_codes_made_in_two_browsers_leave_one_set(now: datetime) -> None:
    ada = enrol_app(now=now)
    make = partial(enrolment.new_codes, ada.user, stamp_read=ada.user.stamp, now=now)
    results = at_once([make, make])
    assert raised(results) == [StartOver]
    (codes,) = [made for made in results if isinstance(made, list)]
    assert BackupCodeSet.objects.filter(user=ada.user).count() == 1
    later = now + timedelta(seconds=1)
    assert redeem(attempt_of(ada.user, codes[0], kind=Kind.BACKUP), now=later) is Kind.BACKUP
    with pytest.raises(CodeRejected):
        redeem(attempt_of(ada.user, ada.codes[0], kind=Kind.BACKUP), now=later)


@pytest.mark.proves("S16")
def test_two_devices_removed_at_once_leave_one(now: datetime) -> None:
    both = enrol_phone(enrol_app(now=now - timedelta(hours=3)).user, now=now)
    stamp = both.user.stamp
    results = at_once(
        [
            partial(enrolment.remove, both.user, method=method, stamp_read=stamp, now=now)
            for method in ("app", "text")
        ]
    )
    assert len(raised(results)) == 1


@pytest.mark.proves("S16", "B60")
def test_two_apps_that_replace_the_old_one_at_once_leave_one(now: datetime) -> None:
    """The loser is told, and its codes were never made."""
    ada = enrol_app(now=now)
    given = []
    for attempt in ("one", "two"):
        begun = enrolment.begin_app(ada.user, attempt=attempt, now=now)
        code = pyotp.TOTP(begun.open_secret()).at(now)
        given.append(replace(attempt_of(ada.user, code, kind=Kind.NEW_APP), attempt=attempt))
    confirm = partial(enrolment.confirm, stamp_read=ada.user.stamp, now=now)
    results = at_once([partial(confirm, each) for each in given])
    assert len(raised(results)) == 1
    assert set(raised(results)) <= {StartOver, CodeRejected}
    assert TOTPDevice.objects.filter(user=ada.user, confirmed=True).count() == 1
    (won,) = [each for each in results if not isinstance(each, Exception)]
    assert backup_codes.codes_left(ada.user) == 10
    later = now + timedelta(minutes=1)
    code = won.codes[0]
    assert redeem(attempt_of(ada.user, code, kind=Kind.BACKUP), now=later) is Kind.BACKUP
