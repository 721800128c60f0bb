"""A later deadline, given as single sign-on was switched off, is forfeited by leaving."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from accounts import delivery, providers
from accounts.models import Account, Membership, Notice, Provider, Role, User
from enforcement import extensions, joining, leaving, logouts, notices
from enforcement.models import Extension, Policy
from tests.enforcement.kit import DAY, HOUR, sign_in
from tests.factories import make_user
from tests.journeys.clock import Clock

pytestmark = [pytest.mark.django_db, pytest.mark.proves("S38")]


@pytest.fixture
def deadline(policy: Policy, provider: Provider, ada: User, clock: Clock) -> datetime:
    """The later one, which Ada has, who came through the provider that is off by now."""
    User.objects.filter(pk=ada.pk).update(last_provider=provider)
    clock.forward(hours=1)
    support = make_user(is_staff=True)
    providers.switch_off(provider=provider, actor=support, reason="asked", now=clock.now)
    return Extension.objects.get(user=ada).deadline


def join_again(ada: User, account: Account, clock: Clock) -> None:
    """Be removed, and be added by hand: due at once."""
    mine = Membership.objects.select_related("user", "account").get(user=ada, account=account)
    owner = User.objects.get(memberships__account=account, memberships__role=Role.OWNER)
    clock.forward(seconds=30)
    leaving.remove(membership=mine, actor=owner, now=clock.now)
    clock.forward(seconds=10)
    joining.add_by_hand(user=ada, account=account, role=Role.MEMBER, actor=None, now=clock.now)


def sent(to: User, clock: Clock) -> set[str]:
    delivery.send_due(now=clock.now)
    told = Notice.objects.filter(user=to, state=Notice.State.SENT)
    return set(told.values_list("kind", flat=True))


@pytest.mark.parametrize("is_back", [False, True])
def test_who_forfeited_it_is_told_of_none(
    is_back: bool, deadline: datetime, northwind: Account, ada: User, clock: Clock
) -> None:
    if is_back:
        join_again(ada, northwind, clock)
    extensions.tell(now=clock.now)
    assert ("due_at_once" in sent(ada, clock)) is is_back
    assert ("provider_off" in sent(ada, clock)) is not is_back


@pytest.mark.parametrize(("before", "kind"), [(12 * HOUR, "reminder_12h"), (HOUR, "reminder_1h")])
@pytest.mark.parametrize("is_back", [False, True])
def test_who_forfeited_it_is_reminded_of_none(
    is_back: bool,
    before: timedelta,
    kind: str,
    deadline: datetime,
    northwind: Account,
    ada: User,
    clock: Clock,
) -> None:
    if is_back:
        join_again(ada, northwind, clock)
    clock.set(deadline - before)
    extensions.remind(now=clock.now)
    assert (kind in sent(ada, clock)) is not is_back


@pytest.mark.parametrize("is_back", [False, True])
def test_who_forfeited_it_is_not_met_by_it(
    is_back: bool, deadline: datetime, northwind: Account, ada: User, clock: Clock
) -> None:
    sign_in(ada)
    if is_back:
        join_again(ada, northwind, clock)
    clock.set(deadline)
    logouts.end_overdue_sessions(now=clock.now)
    assert ("signed_out" in sent(ada, clock)) is not is_back
    assert not Extension.objects.filter(swept_at=None).exists()


@pytest.mark.parametrize(
    ("at", "owe", "kind"),
    [
        (HOUR, extensions.tell, "provider_off"),
        (13 * HOUR, extensions.remind, "reminder_12h"),
    ],
)
@pytest.mark.parametrize("is_back", [False, True])
def test_a_mail_that_waits_tells_of_no_deadline_that_was_forfeited_since(
    is_back: bool,
    at: timedelta,
    owe: Callable[..., None],
    kind: str,
    deadline: datetime,
    northwind: Account,
    ada: User,
    clock: Clock,
) -> None:
    clock.set(deadline - DAY - HOUR + at)
    owe(now=clock.now)
    assert Notice.objects.filter(user=ada, kind=kind).exists()
    if is_back:
        join_again(ada, northwind, clock)
    assert (kind in sent(ada, clock)) is not is_back


def test_the_periods_own_mails_that_wait_tell_of_no_window_either(
    policy: Policy, northwind: Account, ada: User, clock: Clock
) -> None:
    notices.announce(now=clock.now)
    clock.set(policy.deadline - 12 * HOUR)
    notices.remind(now=clock.now)
    join_again(ada, northwind, clock)
    told = sent(ada, clock)
    assert "due_at_once" in told
    assert not told & {"requirement_must_act", "reminder_12h"}
