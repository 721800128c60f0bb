"""Mails that did not arrive concern an account's owners while they are to its people of now."""

from typing import Any

import pytest

from accounts import delivery, invitations, letters, memberships
from accounts.models import Account, Invitation, Membership, Notice, Role, User
from enforcement import leaving, mail_trouble
from tests.factories import make_account, make_user
from tests.journeys.clock import Clock

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
TROUBLE = "mail_trouble"


@pytest.fixture
def ben(northwind: Account) -> User:
    ben = make_user("ben@northwind.example")
    Membership.objects.create(account=northwind, user=ben)
    return ben


def failed(person: User, owner: User, clock: Clock) -> Notice:
    """Return a mail to a member that did not arrive."""
    mine = Membership.objects.select_related("user", "account").get(user=person)
    memberships.change_role(membership=mine, role=Role.ADMIN, actor=owner, now=clock.now)
    found = Notice.objects.filter(kind="role_changed", user=person)
    found.update(state=Notice.State.FAILED, error="550")
    return found.get()


def remove(person: User, owner: User, clock: Clock) -> None:
    mine = Membership.objects.select_related("user", "account").get(user=person)
    leaving.remove(membership=mine, actor=owner, now=clock.now)


def test_what_failed_is_sent_again_while_its_reader_belongs_to_the_account(
    northwind: Account, owner: User, ada: User, clock: Clock
) -> None:
    found, again = failed(ada, owner, clock), mail_trouble.send_again
    again(account=northwind, pk=found.pk, actor=owner, now=clock.now)
    with pytest.raises(mail_trouble.NotFailed):
        again(account=northwind, pk=found.pk, actor=owner, now=clock.now)
    Notice.objects.filter(pk=found.pk).update(state=Notice.State.FAILED)
    remove(ada, owner, clock)
    assert mail_trouble.of(northwind, now=clock.now) == []
    with pytest.raises(Notice.DoesNotExist):
        again(account=northwind, pk=found.pk, actor=owner, now=clock.now)


def test_owners_learn_of_no_mail_of_another_account_of_their_members(
    northwind: Account, owner: User, ada: User, clock: Clock
) -> None:
    theirs = failed(ada, owner, clock)
    head = make_user()
    southwind = make_account("southwind", owner=head, members=(ada,))
    assert mail_trouble.of(southwind, now=clock.now) == []
    with pytest.raises(Notice.DoesNotExist):
        mail_trouble.send_again(account=southwind, pk=theirs.pk, actor=head, now=clock.now)


def test_who_belongs_to_another_account_alone_by_now_is_none_of_theirs(
    northwind: Account, owner: User, ada: User, clock: Clock
) -> None:
    failed(ada, owner, clock)
    remove(ada, owner, clock)
    make_account("southwind", members=(ada,))
    assert mail_trouble.of(northwind, now=clock.now) == []


def test_an_invitation_that_was_withdrawn_is_not_sent_again(
    northwind: Account, owner: User, clock: Clock
) -> None:
    invitation: Invitation = invitations.invite(
        account=northwind, email="guest@x.example", role=Role.MEMBER, actor=owner, now=clock.now
    )
    Notice.objects.update(state=Notice.State.FAILED)
    invitations.revoke(invitation=invitation, actor=owner, now=clock.now)
    with pytest.raises(Notice.DoesNotExist):
        mail_trouble.send_again(
            account=northwind, pk=Notice.objects.get().pk, actor=owner, now=clock.now
        )


def test_owners_are_told_of_trouble_with_their_people_of_now_alone(
    northwind: Account, owner: User, ada: User, ben: User, clock: Clock
) -> None:
    for person in (ada, ben):
        failed(person, owner, clock)
    remove(ada, owner, clock)
    delivery.owe_mail_trouble(northwind.pk, now=clock.now)
    assert Notice.objects.get(kind=TROUBLE).context["addresses"] == [ben.email]


@pytest.mark.parametrize("leaves", [False, True])
def test_a_mail_to_who_has_left_troubles_nobody(
    leaves: bool,
    northwind: Account,
    owner: User,
    ada: User,
    ben: User,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where one to somebody who is still there has not arrived either, and was told of."""
    failed(ben, owner, clock)
    found = failed(ada, owner, clock)
    Notice.objects.filter(pk=found.pk).update(state=Notice.State.OWED)

    def refuse(*args: Any, **how: Any) -> None:
        if leaves:
            Membership.objects.filter(user=ada).delete()
        raise ValueError

    monkeypatch.setattr(letters, "build", refuse)
    delivery.send_due(now=clock.now)
    found.refresh_from_db()
    assert found.state == Notice.State.FAILED
    assert Notice.objects.filter(kind=TROUBLE, user=owner).exists() is not leaves
