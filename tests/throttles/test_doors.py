"""Every page that holds somebody back says so: 429, Retry-After, and in words when to try again."""

import re
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
from django.test import Client, RequestFactory

from accounts import browsers, invitations, throttle
from accounts.models import Account, AuditEvent, User
from accounts.pages import in_words
from enforcement import joining, policies
from tests.enforcement.kit import HOUR, MINUTE, MS, enrolled_person
from tests.factories import PASSWORD, make_account, make_user
from tests.journeys.clock import Clock
from tests.journeys.pages import Page
from tests.throttles.kit import HOME, LOGIN, RECOVERY, VERIFY, at, begin, get_in, give
from tests.twofactor.people import Enrolled, attempt_of, enrol_app, enrol_phone, redeem
from twofactor.redeem import CodeRejected

pytestmark = [pytest.mark.django_db, pytest.mark.proves("S07", "S08")]

Answer = Callable[[Clock], Any]


def spend(user: User, clock: Clock) -> None:
    """Spend the budget of codes somewhere else."""
    for number in range(5):
        given = attempt_of(user, f"{number}")
        with pytest.raises(CodeRejected):
            redeem(given, now=clock.now)


def in_now(enrolled: Enrolled, clock: Clock) -> Client:
    return get_in(enrolled, at(HOME), enrolled.code_at(clock.now))


def due_to_set_up(clock: Clock) -> tuple[Client, User]:
    """Somebody half-way in, whose account requires a second factor already."""
    owner, late = make_user(), make_user()
    account = joining_account(owner, clock)
    joining.add_by_hand(user=late, account=account, role="member", actor=owner, now=clock.now)
    client = at(HOME)
    give(client, late)
    return client, late


def joining_account(owner: User, clock: Clock) -> Account:
    account = make_account(owner=owner)
    policies.switch_on(account=account, actor=owner, now=clock.now)
    clock.forward(seconds=1)
    return account


def login(clock: Clock) -> Any:
    client, person = at(HOME), make_user()
    return [give(client, person, "wrong") for _ in range(11)][-1]


def password_reset(clock: Clock) -> Any:
    for number in range(100):
        at(HOME).post("/password/reset/", {"email": f"person{number}@n.example"})
    return at(HOME).post("/password/reset/", {"email": "one.more@n.example"})


def verify(clock: Clock) -> Any:
    enrolled = enrolled_person()
    client = begin(enrolled)
    spend(enrolled.user, clock)
    return client.post(VERIFY, {"code": enrolled.code_at(clock.now)})


def recovery(clock: Clock) -> Any:
    enrolled = enrolled_person()
    client = begin(enrolled)
    spend(enrolled.user, clock)
    return client.post(RECOVERY, {"code": enrolled.codes[0]})


def verify_text(clock: Clock) -> Any:
    client = begin(enrol_phone(now=clock.now))
    return [client.post("/login/verify/text/") for _ in range(2)][-1]


def mailbox(clock: Clock) -> Any:
    client, late = due_to_set_up(clock)
    spend(late, clock)
    return client.post("/two-factor/setup/mailbox/", {"code": "123456"})


def mailbox_again(clock: Clock) -> Any:
    client, _ = due_to_set_up(clock)
    return client.post("/two-factor/setup/mailbox/", {"send": "on"})


def setup_app(clock: Clock) -> Any:
    enrolled = enrolled_person()
    client = in_now(enrolled, clock)
    client.get("/two-factor/setup/app/")
    spend(enrolled.user, clock)
    return client.post("/two-factor/setup/app/", {"code": "123456"})


def setup_text(clock: Clock) -> Any:
    client = in_now(enrolled_person(), clock)
    numbers = ("+12025550123", "+12025550124")
    return [client.post("/two-factor/setup/text/", {"phone": number}) for number in numbers][-1]


def setup_text_again(clock: Clock) -> Any:
    client = in_now(enrolled_person(), clock)
    client.post("/two-factor/setup/text/", {"phone": "+12025550123"})
    return client.post("/two-factor/setup/text/send/")


def setup_text_confirm(clock: Clock) -> Any:
    enrolled = enrolled_person()
    client = in_now(enrolled, clock)
    client.post("/two-factor/setup/text/", {"phone": "+12025550123"})
    spend(enrolled.user, clock)
    return client.post("/two-factor/setup/text/confirm/", {"code": "123456"})


def reauthenticate_code(clock: Clock) -> Any:
    enrolled = enrolled_person()
    client = in_now(enrolled, clock)
    spend(enrolled.user, clock)
    return client.post("/reauthenticate/", {"password": PASSWORD, "code": "123456"})


def reauthenticate_password(clock: Clock) -> Any:
    client = in_now(enrolled_person(), clock)
    fields = {"password": "wrong", "code": "123456"}
    return [client.post("/reauthenticate/", fields) for _ in range(11)][-1]


def reauthenticate_text(clock: Clock) -> Any:
    both = enrol_phone(enrolled_person().user, now=clock.now)
    clock.forward(hours=1)
    client = in_now(enrol_app(both.user, now=clock.now), clock)
    return [client.post("/reauthenticate/text/") for _ in range(2)][-1]


def settings_password(clock: Clock) -> Any:
    client = in_now(enrolled_person(), clock)
    new = "another long password"
    fields = {"old_password": "wrong", "new_password1": new, "new_password2": new}
    return [client.post("/settings/password/", fields) for _ in range(11)][-1]


def invitation(clock: Clock) -> Any:
    client = at(HOME)
    return [client.get(f"/invitations/{number:043x}/") for number in range(11)][-1]


def account_invite(clock: Clock) -> Any:
    owner = make_user()
    account = make_account("northwind", owner=owner)
    for number in range(105):
        invitations.invite(
            account=account, email=f"p{number}@n.example", role="member", actor=owner, now=clock.now
        )
    client = at(HOME)
    give(client, owner)
    fields = {"email": "one.more@n.example", "role": "member"}
    return client.post("/accounts/northwind/invite/", fields)


DOORS = (
    login,
    password_reset,
    verify,
    recovery,
    verify_text,
    mailbox,
    mailbox_again,
    setup_app,
    setup_text,
    setup_text_again,
    setup_text_confirm,
    reauthenticate_code,
    reauthenticate_password,
    reauthenticate_text,
    settings_password,
    invitation,
    account_invite,
)
WHEN = re.compile(
    r"(?:Please wait \d+ (?:second|minute|hour)s?|another text from \d\d:\d\d:\d\d [A-Z]+ on)"
)
WHEN_OF_MAILS = re.compile(r"another mail from \d\d:\d\d:\d\d [A-Z]+ on")


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_a_page_that_throttles_says_when_to_try_again(door: Answer, clock: Clock) -> None:
    answer = door(clock)
    page = Page(answer).text
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) >= 1
    when = WHEN_OF_MAILS if door is mailbox_again else WHEN
    assert when.search(page), page
    assert "text/html" in answer["Content-Type"]


def test_a_wrong_old_password_is_in_the_audit_and_the_right_one_is_never_counted(
    clock: Clock,
) -> None:
    enrolled = enrolled_person()
    client = in_now(enrolled, clock)
    new = "another long password"
    for old in ("wrong", PASSWORD):
        client.post(
            "/settings/password/",
            {"old_password": old, "new_password1": new, "new_password2": new},
        )
    failed = AuditEvent.objects.filter(event="sign_in_failed", subject_id=enrolled.user.pk)
    assert failed.count() == 1
    assert User.objects.get(pk=enrolled.user.pk).check_password(new)


@pytest.mark.proves("S08")
def test_sixty_people_s_codes_guessed_from_one_address_stop_at_ten(clock: Clock) -> None:
    half_way = [begin(enrolled_person()) for _ in range(60)]
    answers = [client.post(VERIFY, {"code": "1"}) for client in half_way]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429] * 50


@pytest.mark.proves("S08")
def test_sixty_people_s_passwords_guessed_from_one_network_stop_at_ten(clock: Clock) -> None:
    answers = [
        give(at(f"2001:db8:1:2:{number:x}::1"), make_user(), "wrong") for number in range(60)
    ]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429] * 50


@pytest.mark.proves("S08", "B52")
@pytest.mark.parametrize("proxies", [0, 1])
def test_a_thousand_forged_addresses_are_one_bucket(
    proxies: int, clock: Clock, settings: Any
) -> None:
    """The proxy appends the true peer; whatever stands before it was written by the client."""
    settings.TRUSTED_PROXIES = proxies
    person, true = make_user(), "198.51.100.9" if proxies else "192.0.2.50"
    forged = [f"203.0.{number // 250}.{number % 250}" for number in range(1000)]
    headers = [f"{each}, 198.51.100.9" if proxies else each for each in forged]
    known = {"REMOTE_ADDR": "192.0.2.50"}
    buckets = {
        browsers.bucket_for(
            RequestFactory().post(LOGIN, HTTP_X_FORWARDED_FOR=each, **known),  # type: ignore[arg-type]
            person.email,
            now=clock.now,
        )
        for each in headers
    }
    assert buckets == {throttle.of_address(true)}
    fields = {"email": person.email, "password": "wrong"}
    clients = [Client(HTTP_X_FORWARDED_FOR=each, **known) for each in headers[::25]]  # type: ignore[arg-type]
    statuses = [client.post(LOGIN, fields).status_code for client in clients]
    assert statuses == [200] * 10 + [429] * 30
    assert set(AuditEvent.objects.values_list("address", flat=True)) == {true}


@pytest.mark.proves("S08")
def test_an_office_signs_in_with_codes_behind_one_address(clock: Clock) -> None:
    """As many in a minute as of three hundred in an hour; one in five mistypes."""
    refused = 0
    for number in range(50):
        clock.forward(seconds=12)
        enrolled = enrolled_person()
        client = at(HOME)
        if number % 10 == 0:
            refused += give(client, enrolled.user, "wrong").status_code == 429
        give(client, enrolled.user)
        if number % 10 == 5:
            refused += client.post(VERIFY, {"code": "1"}).status_code == 429
        answer = client.post(VERIFY, {"code": enrolled.code_at(clock.now)})
        refused += answer.status_code != 302
    assert refused == 0


@pytest.mark.parametrize(
    ("wait", "words"),
    [
        (MS, "1 second"),
        (MINUTE, "60 seconds"),
        (2 * MINUTE, "2 minutes"),
        (2 * MINUTE + MS, "3 minutes"),
        (HOUR, "60 minutes"),
        (2 * HOUR, "2 hours"),
        (23 * HOUR + MS, "24 hours"),
    ],
)
def test_a_wait_is_said_as_a_person_says_it(wait: Any, words: str) -> None:
    assert in_words(wait) == words


def test_who_finds_all_places_in_use_is_told_to_come_back_in_a_second(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "PAUSES", (0.001,))
    bucket = throttle.of_address(HOME)
    with ExitStack() as in_use:
        for _ in range(10):
            in_use.enter_context(throttle.place(bucket, now=clock.now))
        answer = give(at(HOME), make_user())
        assert (answer.status_code, answer["Retry-After"]) == (429, "1")
    assert give(at(HOME), make_user()).status_code == 302
