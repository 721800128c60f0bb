"""What may happen once, asked for by many browsers at once over several processes.

Each race makes ready who takes part, has all forms posted at the same instant, and looks at the
rows. Whatever else comes out, nobody may be answered with an error of the server.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from django.test import Client, override_settings
from django.utils import timezone

from accounts import invitations, passwords
from accounts.audit import Event
from accounts.models import (
    Account,
    AddressFailure,
    AuditEvent,
    GotIn,
    Invitation,
    Membership,
    Notice,
    Role,
    Session,
    User,
)
from bench import people
from bench.proof.fleet import PROCESSES, Answer, Fleet, in_turn, running_fleet
from enforcement.models import Pass, Policy
from tests.enforcement.desk import owner_browser, person_page, requirement_page, support_browser
from tests.enforcement.kit import enrolled_person, sign_in
from tests.factories import make_account, make_user
from tests.twofactor.people import Enrolled, attempt_of, enrol_phone, redeem, wrong
from twofactor import backup_codes, sent_codes
from twofactor.models import CodeFailure, SentCode, TOTPDevice
from twofactor.redeem import Kind

BROWSERS = 20
_numbers = count(1)


class Lost(AssertionError):
    """A race came out as none may."""


def check(race: str, answers: Sequence[Answer], **found: tuple[object, object]) -> None:
    """Check that no answer is an error, and that each of ``found`` is as it must be.

    :raises Lost: saying what is not.
    """
    told = Counter(f"{answer.status} {answer.location}".strip() for answer in answers)
    errors = [answer.error or f"{answer.status}" for answer in answers if answer.status >= 500]
    if errors:
        raise Lost(f"{race}: {len(errors)} errors, {dict(told)}\n{errors[0]}")
    for what, (is_now, must_be) in found.items():
        if is_now != must_be:
            raise Lost(f"{race}: {what} {is_now}, not {must_be}: {dict(told)}")


def events(event: Event, **which: object) -> int:
    return AuditEvent.objects.filter(event=event, **which).count()


def led_to(answers: Sequence[Answer], location: str) -> int:
    return sum(answer.location.startswith(location) for answer in answers)


def sessions_of(user: User) -> int:
    return Session.objects.filter(user_id=user.pk).count()


def half_way(person: Enrolled, *, number: int = BROWSERS) -> list[Client]:
    """Browsers in which the password was given, and the code is asked for."""
    return [sign_in(person.user) for _ in range(number)]


def enrolled_cheaply(**fields: object) -> Enrolled:
    """A person with an app, whose backup codes nobody will use."""
    with people.cheap_backup_codes():
        return enrolled_person(**fields)


def app_code(fleet: Fleet, uses: int) -> None:
    person = enrolled_cheaply()
    code = {"code": person.code_at(timezone.now())}
    posts = in_turn(half_way(person), path="/login/verify/", fields=[code], number=uses)
    answers = fleet.post(posts)
    check("app code", answers, **_got_in_once(person.user, answers, leads_to="/"))


def _got_in_once(
    user: User, answers: Sequence[Answer], *, leads_to: str
) -> dict[str, tuple[object, object]]:
    let_in = sum(answer.location == leads_to for answer in answers)
    return {
        "let in": (let_in, 1),
        "sessions": (sessions_of(user), 1),
        "codes accepted": (events(Event.CODE_ACCEPTED, subject_id=user.pk) - 1, 1),  # set-up's
        "failures": (CodeFailure.objects.filter(user=user).count() <= 5, True),
    }


def backup_code(fleet: Fleet, uses: int) -> None:
    """The other nine stay good: a refusal spends nothing."""
    person = enrolled_person()
    posts = in_turn(
        half_way(person), path="/login/recovery/", fields=[{"code": person.codes[0]}], number=uses
    )
    answers = fleet.post(posts)
    found = _got_in_once(person.user, answers, leads_to="/two-factor/replace/?next=%2F")
    later = timezone.now() + timedelta(days=2)
    left = [
        redeem(attempt_of(person.user, code, kind=Kind.BACKUP), now=later)
        for code in person.codes[1:]
    ]
    found["others"] = (left, [Kind.BACKUP] * 9)
    found["left"] = (backup_codes.codes_left(person.user), 0)
    check("backup code", answers, **found)


def text_code(fleet: Fleet, uses: int) -> None:
    """All in the one sign-in that asked for the text: no other may use its code."""
    person = phone_person()
    (browser,) = half_way(person, number=1)
    browser.post("/login/verify/text/", REMOTE_ADDR=address())
    sent = SentCode.objects.get(user=person.user, purpose=SentCode.Purpose.SIGN_IN)
    code = {"code": sent_codes.code_of(sent)}
    answers = fleet.post(in_turn([browser], path="/login/verify/", fields=[code], number=uses))
    check("text code", answers, **_got_in_once(person.user, answers, leads_to="/"))


def text_asked(fleet: Fleet, uses: int) -> None:
    person = phone_person()
    posts = in_turn(half_way(person), path="/login/verify/text/", fields=[{}], number=uses)
    answers = fleet.post(posts)
    sent = SentCode.objects.filter(user=person.user, purpose=SentCode.Purpose.SIGN_IN)
    told = led_to(answers, "/login/verify/?method=text")
    check("text asked for", answers, texts=(sent.count(), 1), told=(told, 1))


def phone_person() -> Enrolled:
    """A person with a phone and an address of their own, so that only their own limits count."""
    number = f"+1202555{next(_numbers) % 100 + 100:04}"
    SentCode.objects.all().delete()
    with people.cheap_backup_codes():
        return enrol_phone(number=number, address=address(), now=timezone.now())


def address() -> str:
    return f"203.0.113.{next(_numbers) % 250 + 1}"


def wrong_codes(fleet: Fleet, uses: int) -> None:
    person = enrolled_cheaply()
    code = {"code": wrong(person.code_at(timezone.now()))}
    posts = in_turn(half_way(person), path="/login/verify/", fields=[code], number=uses)
    answers = fleet.post(posts)
    check(
        "wrong codes",
        answers,
        counted=(CodeFailure.objects.filter(user=person.user).count(), 5),
        evaluated=(TOTPDevice.objects.get(user=person.user).failures, 5),
        sessions=(sessions_of(person.user), 0),
    )


def invitation(fleet: Fleet, uses: int) -> None:
    invited = make_user()
    made = invite(invited.email)
    browsers = [sign_in(invited) for _ in range(BROWSERS)]
    path = urlsplit(invitations.link_of(made.pk)).path
    answers = fleet.post(in_turn(browsers, path=path, fields=[{}], number=uses))
    joined = Membership.objects.filter(account=made.account, user=invited).count()
    told = Notice.objects.filter(kind="invitation_joined", account_id=made.account.pk).count()
    audited = events(Event.JOINED, account_id=made.account.pk)
    check("invitation", answers, members=(joined, 1), audited=(audited, 1), told=(told, 1))


def newcomer(fleet: Fleet, uses: int) -> None:
    """The same for somebody who has no sign-in yet: one is made."""
    email = f"new{next(_numbers)}@northwind.example"
    made = invite(email)
    path = urlsplit(invitations.link_of(made.pk)).path
    fields = {"name": "Nia New", "password": "words of a newcomer"}
    answers = fleet.post(in_turn([Client()], path=path, fields=[fields], number=uses))
    made_once = User.objects.filter(email=email).count()
    joined = Membership.objects.filter(account=made.account, user__email=email).count()
    check("newcomer", answers, people=(made_once, 1), members=(joined <= 1, True))


def invite(email: str) -> Invitation:
    owner = make_user()
    return invitations.invite(
        account=make_account(owner=owner),
        email=email,
        role=Role.MEMBER,
        actor=owner,
        now=timezone.now(),
    )


def reset_link(fleet: Fleet, uses: int) -> None:
    """Each browser chooses another password; the one that was told so has set its own."""
    person = make_user()
    link = urlsplit(passwords.reset_link(person)).path
    browsers = [Client() for _ in range(BROWSERS)]
    pages = {browser.get(link).headers["Location"] for browser in browsers}
    chosen = [f"words number {number} of one" for number in range(BROWSERS)]
    fields = [{"new_password1": words, "new_password2": words} for words in chosen]
    answers = fleet.post(in_turn(browsers, path=pages.pop(), fields=fields, number=uses))
    person.refresh_from_db()
    check(
        "reset link",
        answers,
        told=(led_to(answers, "/password/reset/complete/"), 1),
        fitting=(sum(person.check_password(words) for words in chosen), 1),
        audited=(events(Event.PASSWORD_RESET, subject_id=person.pk), 1),
    )


def pass_grant(fleet: Fleet, uses: int) -> None:
    """Four of the support staff press the button for one person; each is led to the person."""
    person = enrolled_cheaply()
    with people.cheap_backup_codes():
        staff = [support_browser(f"s{next(_numbers)}@gatehouse.example") for _ in range(4)]
    posts = in_turn(
        staff, path=person_page(person.user, "pass"), fields=[{"reason": "Lost"}], number=uses
    )
    answers = fleet.post(posts)
    check(
        "pass",
        answers,
        passes=(Pass.objects.filter(user=person.user).count(), 1),
        audited=(events(Event.PASS_GRANTED, subject_id=person.user.pk), 1),
        told=(Notice.objects.filter(kind="pass_granted", user=person.user).count(), 1),
        refused=(events(Event.PASS_REFUSED, subject_id=person.user.pk), uses - 1),
        answered=(
            {(answer.status, answer.location) for answer in answers},
            {(302, person_page(person.user))},
        ),
    )


def switch_on(fleet: Fleet, uses: int) -> None:
    account, browsers = two_owners()
    fields = {"confirm": "on", "preview_at": timezone.now().isoformat()}
    answers = fleet.post(
        in_turn(browsers, path=requirement_page(account), fields=[fields], number=uses)
    )
    check(
        "switch on",
        answers,
        periods=(Policy.objects.filter(account=account).count(), 1),
        audited=(events(Event.POLICY_ON, account_id=account.pk), 1),
        answered=({answer.status for answer in answers}, {302}),
    )


def switch_both_ways(fleet: Fleet, uses: int) -> None:
    """Half of the posts switch on, half off: each change is written once, in turn."""
    account, browsers = two_owners()
    at = timezone.now().isoformat()
    fields = [{"confirm": state, "preview_at": at} for state in ("on", "off")]
    posts = in_turn(browsers, path=requirement_page(account), fields=fields, number=uses)
    answers = fleet.post(posts)
    begun, ended = (
        events(kind, account_id=account.pk) for kind in (Event.POLICY_ON, Event.POLICY_OFF)
    )
    check(
        "switch both ways",
        answers,
        begun=(begun, Policy.objects.filter(account=account).count()),
        ended=(ended, Policy.objects.filter(account=account).exclude(ended_at=None).count()),
        still_on=(begun - ended in {0, 1}, True),
    )


def two_owners() -> tuple[Account, list[Client]]:
    owners = [make_user(), make_user()]
    account = make_account(owner=owners[0])
    Membership.objects.create(account=account, user=owners[1], role=Role.OWNER)
    return account, [owner_browser(owner) for owner in owners for _ in range(3)]


RACES: dict[str, Callable[[Fleet, int], None]] = {
    race.__name__: race
    for race in (
        app_code,
        backup_code,
        text_code,
        text_asked,
        wrong_codes,
        invitation,
        newcomer,
        reset_link,
        pass_grant,
        switch_on,
        switch_both_ways,
    )
}


def run(name: str, fleet: Fleet, *, uses: int, rounds: int) -> None:
    """Hold one race ``rounds`` times.

    :raises Lost: if one came out as none may.
    """
    for _ in range(rounds):
        RACES[name](fleet, uses)
        AddressFailure.objects.all().delete()
        GotIn.objects.all().delete()


def run_all(*, uses: int, rounds: int) -> str:
    """Hold every race on this process's database.

    :raises Lost: if one came out as none may.
    """
    with (
        TemporaryDirectory(prefix="gh-races-") as name,
        override_settings(OUTBOX_DIR=Path(name)),
        running_fleet(Path(name), threads=uses // PROCESSES) as fleet,
    ):
        for race in RACES:
            run(race, fleet, uses=uses, rounds=rounds)
    races = ", ".join(race.replace("_", " ") for race in RACES)
    return (
        f"{rounds} rounds of {uses} simultaneous posts over {PROCESSES} processes in each of "
        f"{len(RACES)} races ({races}): each happened once, and no answer was an error"
    )
