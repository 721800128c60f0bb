"""Asking for a pass: one open request per person, who hears of it, and what answers it."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from accounts.models import Account, AuditEvent, Membership, Notice, Role, User
from enforcement import passes, policies, support, tasks
from enforcement.models import Pass, PassRequest, Policy
from tests.enforcement.kit import DAY, HOUR, MS, is_in, sign_in, sign_in_with_code
from tests.enforcement.test_passes import grant, kinds
from tests.factories import make_account, make_user
from tests.journeys.clock import Clock
from tests.twofactor.people import Enrolled, enrol_app

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def test_asking_twice_is_one_request(dora: Enrolled, owner: User, now: datetime) -> None:
    first = passes.ask_for_pass(user=dora.user, message="Phone stolen", now=now)
    second = passes.ask_for_pass(user=dora.user, message="Really", now=now + HOUR)
    assert first == second
    asked = PassRequest.objects.get()
    assert (asked.message, asked.asked_at) == ("Really", now)
    passes.ask_for_pass(user=dora.user, message="", now=now + HOUR)
    assert PassRequest.objects.get().message == "Really"
    assert kinds(dora.user) == ["pass_asked"]
    assert kinds(owner) == ["pass_asked_admins"]


def test_a_grant_answers_the_request(dora: Enrolled, now: datetime) -> None:
    passes.ask_for_pass(user=dora.user, message="x", now=now)
    grant(dora.user, now=now + HOUR)
    assert PassRequest.objects.get().closed_at == now + HOUR


def test_set_up_answers_the_request(northwind: Account, ada: User, now: datetime) -> None:
    policies.switch_on(account=northwind, actor=None, now=now - 2 * DAY)
    passes.ask_for_pass(user=ada, message="x", now=now)
    enrol_app(ada, now=now + HOUR)
    assert PassRequest.objects.get().closed_at is not None


NEEDED_AS_BEFORE: dict[str, Callable[[Policy, User, datetime], object]] = {
    "nothing": lambda policy, ada, now: None,
    "on a pass": lambda policy, ada, now: User.objects.filter(pk=ada.pk).update(
        pass_until=now + HOUR
    ),
}
NEEDED_NO_MORE: dict[str, Callable[[Policy, User, datetime], object]] = {
    "removed": lambda policy, ada, now: Membership.objects.filter(user=ada).delete(),
    "switched off": lambda policy, ada, now: policies.switch_off(
        account=policy.account, actor=None, now=now
    ),
    "deactivated": lambda policy, ada, now: User.objects.filter(pk=ada.pk).update(is_active=False),
}


@pytest.mark.parametrize("what", [*NEEDED_AS_BEFORE, *NEEDED_NO_MORE])
def test_what_nobody_can_grant_any_more_waits_no_longer(
    what: str, policy: Policy, ada: User, dora: Enrolled, clock: Clock
) -> None:
    clock.set(policy.deadline)
    for person in (ada, dora.user):
        passes.ask_for_pass(user=person, message="x", now=clock.now)
    {**NEEDED_AS_BEFORE, **NEEDED_NO_MORE}[what](policy, ada, clock.now)
    tasks.carry_out(tasks.HOUSEKEEPING, now=clock.now)
    waiting = PassRequest.objects.filter(closed_at=None).values_list("user", flat=True)
    assert (ada.pk in waiting) is (what in NEEDED_AS_BEFORE)
    assert dora.user.pk in waiting, "who has a device may need one wherever they are"


def test_an_endorsement_grants_nothing(
    dora: Enrolled, northwind: Account, owner: User, now: datetime
) -> None:
    asked = passes.ask_for_pass(user=dora.user, message="x", now=now)
    passes.endorse_request(
        asked=asked, account=northwind, actor=owner, message="It is Lou.", now=now
    )
    asked.refresh_from_db()
    assert (asked.endorsed_by, asked.endorsement) == (owner, "It is Lou.")
    assert not Pass.objects.exists()


def ask(person: User, now: datetime) -> None:
    passes.ask_for_pass(user=person, message="Phone stolen", now=now)


def vouch(person: User, now: datetime) -> None:
    membership = Membership.objects.get(user=person)
    admin = Membership.objects.owners().get(account=membership.account).user
    passes.ask_for_member(membership=membership, actor=admin, message="", now=now)


def told_of(person: User) -> int:
    return kinds(person).count("pass_asked")


@pytest.mark.parametrize("wish", [ask, vouch])
@pytest.mark.parametrize(("later", "mails"), [(DAY - MS, 1), (DAY, 2)])
def test_a_wish_repeated_after_a_day_is_told_anew(
    later: timedelta, mails: int, wish: Callable[..., None], dora: Enrolled, now: datetime
) -> None:
    wish(dora.user, now)
    wish(dora.user, now + later)
    wish(dora.user, now + later)
    assert told_of(dora.user) == mails
    assert PassRequest.objects.filter(closed_at=None).count() == 1


def test_a_wish_told_anew_has_its_row_and_reaches_who_looks_after_the_account(
    dora: Enrolled, owner: User, now: datetime
) -> None:
    ask(dora.user, now)
    ask(dora.user, now + DAY)
    assert AuditEvent.objects.filter(event="pass_asked").count() == 2
    assert kinds(owner) == ["pass_asked_admins"] * 2


def test_the_audit_tells_for_which_account_an_admin_asked(
    dora: Enrolled, northwind: Account, owner: User, now: datetime
) -> None:
    vouch(dora.user, now)
    row = AuditEvent.objects.get(event="pass_asked")
    assert (row.actor_id, row.subject_id, row.account_id) == (owner.pk, dora.user.pk, northwind.pk)


def by_app(enrolled: Enrolled) -> None:
    sign_in_with_code(enrolled)


def by_backup_code(enrolled: Enrolled) -> None:
    sign_in(enrolled.user).post("/login/recovery/", {"code": enrolled.codes[0]})


@pytest.mark.parametrize("come_in", [by_app, by_backup_code])
def test_who_comes_in_by_an_own_factor_waits_for_no_pass(
    come_in: Callable[[Enrolled], None], dora: Enrolled, clock: Clock
) -> None:
    ask(dora.user, clock.now)
    clock.forward(minutes=5)
    come_in(dora)
    assert PassRequest.objects.get().closed_at == clock.now
    ask(dora.user, clock.now)
    assert told_of(dora.user) == 2


def test_who_comes_in_by_the_password_alone_still_waits(ada: User, policy: Policy) -> None:
    ask(ada, policy.starts_at)
    assert is_in(sign_in(ada))
    assert PassRequest.objects.get().closed_at is None


def test_a_reset_by_support_answers_the_request(
    dora: Enrolled, sam: Enrolled, now: datetime
) -> None:
    ask(dora.user, now)
    support.reset(user=dora.user, actor=sam.user, reason="Called back", now=now + HOUR)
    assert PassRequest.objects.get().closed_at == now + HOUR


# Admins who vouch: of the same account, or of another.


@pytest.fixture
def southwind(dora: Enrolled, clock: Clock) -> Account:
    """Another account of Dora's that requires something, with an admin beside its owner."""
    account = make_account("southwind", owner=make_user("sue@south.example"))
    Membership.objects.create(account=account, user=dora.user)
    admin = make_user("sam@south.example")
    Membership.objects.create(account=account, user=admin, role=Role.ADMIN)
    policies.switch_on(account=account, actor=None, now=clock.now)
    return account


def vouch_in(account: Account, person: User, words: str, *, now: datetime) -> User:
    membership = Membership.objects.get(account=account, user=person)
    owner = Membership.objects.owners().get(account=account).user
    passes.ask_for_member(membership=membership, actor=owner, message=words, now=now)
    return owner


def rows() -> int:
    return AuditEvent.objects.filter(event="pass_asked").count()


def heard(person: User) -> list[str]:
    """Return the words with which ``person`` was told of a wish."""
    told = Notice.objects.filter(user=person, kind="pass_asked_admins").order_by("pk")
    return [each.context.get("message", "") for each in told]


def test_a_second_click_of_an_admin_is_written_down_once(
    dora: Enrolled, northwind: Account, clock: Clock
) -> None:
    for words in ("She called me.", "She called me.", ""):
        vouch_in(northwind, dora.user, words, now=clock.now)
        clock.forward(seconds=1)
    assert rows() == 1
    assert PassRequest.objects.get().endorsement == "She called me."
    vouch_in(northwind, dora.user, "", now=clock.now + DAY)
    assert rows() == 2


def test_an_admin_who_asks_for_another_wish_is_written_down_anew(
    dora: Enrolled, northwind: Account, clock: Clock
) -> None:
    vouch_in(northwind, dora.user, "She called me.", now=clock.now)
    clock.forward(minutes=5)
    by_app(dora)
    clock.forward(minutes=5)
    vouch_in(northwind, dora.user, "She called again.", now=clock.now)
    assert rows() == 2


def test_the_wish_of_another_accounts_admin_is_told_there(
    dora: Enrolled, northwind: Account, southwind: Account, clock: Clock
) -> None:
    sam = User.objects.get(email="sam@south.example")
    owner = vouch_in(northwind, dora.user, "From the north", now=clock.now)
    assert heard(sam) == [""]
    for _ in range(2):
        vouch_in(southwind, dora.user, "From the south", now=clock.now)
        clock.forward(seconds=1)
    assert heard(sam) == ["", "From the south"]
    assert heard(owner) == []  # who asked, and knows that a pass was asked for
    assert told_of(dora.user) == 2
    assert rows() == 2


@pytest.mark.parametrize("has_left", [False, True])
def test_who_vouched_first_is_shown_while_they_look_after_an_account(
    has_left: bool, dora: Enrolled, northwind: Account, southwind: Account, clock: Clock
) -> None:
    first = vouch_in(northwind, dora.user, "From the north", now=clock.now)
    if has_left:
        Membership.objects.filter(account=northwind, user=first).update(role=Role.MEMBER)
    second = vouch_in(southwind, dora.user, "From the south", now=clock.now)
    asked = PassRequest.objects.get()
    shown = (second, "From the south") if has_left else (first, "From the north")
    assert (asked.endorsed_by, asked.endorsement) == shown
