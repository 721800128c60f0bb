"""A sign-in that is there already: linked by its password and factor, never by its address."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pyotp
import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts import (
    invitations,
    memberships,
    moving,
    objections,
    passwords,
    sso_admission,
    sso_linking,
)
from accounts.audit import Event
from accounts.claims import Claims, Refused
from accounts.models import AuditEvent, Identity, Membership, Notice, Provider, Role, User
from tests.factories import PASSWORD, make_identity, make_user
from tests.journeys.post import link_in, run_jobs, the_mail
from tests.meanwhile import before_the_lock
from tests.sso.kit import (
    House,
    check_refused,
    is_signed_in,
    known_ada,
    refusals,
    signed_in_as,
)
from tests.twofactor.people import enrol_app

pytestmark = [pytest.mark.django_db, pytest.mark.proves("S50")]


def member(house: House, **fields: Any) -> User:
    """Somebody who has a sign-in with the address that the provider tells."""
    person = make_user(house.idp.person["email"], **fields)
    Membership.objects.create(account=house.account, user=person)
    return person


def link_page(house: House, client: Client | None = None) -> str:
    answer = house.come_back(client)
    assert answer.status_code == 302
    return str(answer["Location"])


def test_the_password_links_it_once(northwind: House) -> None:
    ada = member(northwind)
    page = link_page(northwind)
    assert ada.email in northwind.client.get(page).content.decode()
    answer = northwind.client.post(page, {"password": PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert signed_in_as(northwind.client) == ada.email
    assert northwind.client.session["sso"] == [northwind.provider.pk]
    assert Identity.objects.get().subject == northwind.idp.person["sub"]
    assert AuditEvent.objects.filter(event=Event.SSO_LINKED).count() == 1
    other = Client()
    assert northwind.come_back(other)["Location"] == "/"  # nothing is asked any more
    assert signed_in_as(other) == ada.email


def test_its_person_is_mailed_and_can_take_it_back(northwind: House) -> None:
    ada = member(northwind)
    northwind.client.post(link_page(northwind), {"password": PASSWORD})
    run_jobs()
    letter = the_mail(ada.email, "can now sign you in")
    assert northwind.provider.name in letter.body
    Client().post(link_in(letter, "/not-me/"))
    assert not Identity.objects.exists()
    assert not is_signed_in(northwind.client)
    assert not User.objects.get(pk=ada.pk).has_usable_password()
    assert AuditEvent.objects.filter(event=Event.SSO_UNLINKED).count() == 1


def test_a_wrong_password_links_nothing_and_is_counted(northwind: House) -> None:
    member(northwind)
    page = link_page(northwind)
    answers = [northwind.client.post(page, {"password": "wrong"}) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    assert northwind.client.post(page, {"password": PASSWORD}).status_code == 429
    assert not Identity.objects.exists()
    assert not is_signed_in(northwind.client)


def test_who_is_enrolled_gives_the_code_first(northwind: House) -> None:
    now = timezone.now()
    enrolled = enrol_app(member(northwind), now=now)
    answer = northwind.client.post(link_page(northwind), {"password": PASSWORD})
    assert answer["Location"] == "/login/verify/"
    assert not Identity.objects.exists()
    assert not is_signed_in(northwind.client)
    code = pyotp.TOTP(enrolled.secret).at(timezone.now())
    northwind.client.post("/login/verify/", {"code": code})
    assert signed_in_as(northwind.client) == enrolled.user.email
    assert Identity.objects.get().user == enrolled.user
    assert northwind.client.session["sso"] == [northwind.provider.pk]
    assert Notice.objects.filter(kind="identity_linked").count() == 1


def test_who_gives_up_at_the_code_has_linked_nothing(northwind: House) -> None:
    enrol_app(member(northwind), now=timezone.now())
    northwind.client.post(link_page(northwind), {"password": PASSWORD})
    northwind.client.post("/login/verify/", {"code": "000000"})
    northwind.client.post("/login/cancel/")
    assert not Identity.objects.exists()
    assert northwind.come_back()["Location"] == "/sso/northwind/link/"


def test_who_has_no_password_proves_the_mailbox_by_choosing_one(northwind: House) -> None:
    ada = member(northwind, password=None)
    page = link_page(northwind)
    shown = northwind.client.get(page).content.decode()
    assert 'name="password"' not in shown
    assert "/password/reset/" in shown
    assert northwind.client.post(page, {"password": ""}).status_code == 200
    northwind.client.post("/password/reset/", {"email": ada.email})
    run_jobs()
    form = northwind.client.get(link_in(the_mail(ada.email, "password"), "/password/reset/"))
    chosen = {"new_password1": PASSWORD, "new_password2": PASSWORD}
    northwind.client.post(form["Location"], chosen)
    northwind.client.post(link_page(northwind), {"password": PASSWORD})
    assert Identity.objects.get().user == ada


@pytest.mark.parametrize(("minutes", "is_over"), [(9, False), (10, True)])
def test_the_question_stands_for_ten_minutes(minutes: int, is_over: bool, northwind: House) -> None:
    member(northwind)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        page = link_page(northwind)
        clock.shift(timedelta(minutes=minutes))
        answer = northwind.client.post(page, {"password": PASSWORD})
    assert answer.status_code == (403 if is_over else 302)
    assert refusals() == (["link_over"] if is_over else [])


def test_the_question_stands_in_its_own_browser_alone(northwind: House) -> None:
    member(northwind)
    page = link_page(northwind)
    assert Client().post(page, {"password": PASSWORD}).status_code == 403
    assert refusals() == ["link_over"]


def test_who_was_removed_meanwhile_links_nothing(northwind: House) -> None:
    ada = member(northwind)
    page = link_page(northwind)
    Membership.objects.filter(user=ada).delete()
    assert northwind.client.post(page, {"password": PASSWORD}).status_code == 403
    assert refusals() == ["not_invited"]


def test_a_provider_that_was_switched_off_meanwhile_links_nobody(northwind: House) -> None:
    ada = member(northwind)
    page = link_page(northwind)
    Provider.objects.update(off_at=timezone.now())
    assert northwind.client.post(page, {"password": PASSWORD}).status_code == 403
    assert refusals() == ["provider_off"]
    assert not Identity.objects.exists()
    claims = Claims(subject="ada-1", email=ada.email, email_verified=True)
    ended = Provider.objects.get()
    with pytest.raises(Refused, match="no longer signs anybody in"):
        sso_admission.admission(ended, claims, now=timezone.now())
    with pytest.raises(Refused, match="no longer signs anybody in"):
        sso_admission.still_live(ended)


def test_who_was_removed_at_the_code_page_comes_in_by_password_alone(northwind: House) -> None:
    enrolled = enrol_app(member(northwind), now=timezone.now())
    northwind.client.post(link_page(northwind), {"password": PASSWORD})
    Membership.objects.filter(user=enrolled.user).delete()
    code = pyotp.TOTP(enrolled.secret).at(timezone.now())
    northwind.client.post("/login/verify/", {"code": code})
    assert signed_in_as(northwind.client) == enrolled.user.email
    assert not Identity.objects.exists()
    assert "sso" not in northwind.client.session


def test_a_subject_that_another_browser_linked_meanwhile_is_not_linked_twice(
    northwind: House,
) -> None:
    member(northwind)
    other = Client()
    first, second = link_page(northwind), link_page(northwind, other)
    northwind.client.post(first, {"password": PASSWORD})
    assert other.post(second, {"password": PASSWORD}).status_code == 403
    assert Identity.objects.count() == 1


def test_somebody_of_no_account_joins_where_it_is_allowed_once_linked(northwind: House) -> None:
    ada = make_user(northwind.idp.person["email"])
    northwind.provider.allow_creation = True
    northwind.provider.save()
    page = link_page(northwind)
    assert not Membership.objects.filter(user=ada).exists()
    northwind.client.post(page, {"password": PASSWORD})
    assert Membership.objects.get(user=ada).account == northwind.account
    assert signed_in_as(northwind.client) == ada.email


def test_somebody_of_no_account_is_refused_without_a_question(northwind: House) -> None:
    make_user(northwind.idp.person["email"])
    assert northwind.come_back().status_code == 403
    assert refusals() == ["not_invited"]


def resets(person: User) -> None:
    now = timezone.now()
    passwords.reset_password(user=person, password="a horse of another colour", now=now)


def sets_up(person: User) -> None:
    enrol_app(person, now=timezone.now())


@pytest.mark.parametrize("acts", [resets, sets_up])
def test_a_password_that_is_not_enough_any_more_links_nobody(
    acts: Callable[[User], None], northwind: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, page = member(northwind), link_page(northwind)
    before_the_lock(monkeypatch, lambda: acts(User.objects.get(pk=ada.pk)))
    page_request = {"accept": "text/html"}
    answer = northwind.client.post(page, {"password": PASSWORD}, headers=page_request)
    assert answer["Location"] == "/login/"
    assert not is_signed_in(northwind.client)
    assert not Identity.objects.exists()  # else the provider's next answer lets in
    assert not Notice.objects.filter(kind="identity_linked").exists()


def goes(house: House, person: User, *, how: str) -> None:
    """Let a member leave, be removed, or move the membership to another address.

    Or the membership came from another address, and is taken back.
    """
    own, now = Membership.objects.get(user=person), timezone.now()
    if how == "is taken back":
        own.user = make_user("al@northwind.example")
        own.save()
        moving.move(user=own.user, membership_id=own.pk, email=person.email, now=now)
        moved = Notice.objects.get(kind="membership_moved", recipient="al@northwind.example")
        objections.act(moved, now=now)
        return
    if how == "moves away":
        moving.move(user=person, membership_id=own.pk, email="al@northwind.example", now=now)
        return
    owner = Membership.objects.create(account=house.account, user=make_user(), role=Role.OWNER)
    actor = owner.user if how == "is removed" else person
    memberships.remove(membership=own, actor=actor, now=now)


GOES = ["leaves", "is removed", "moves away", "is taken back"]


@pytest.mark.parametrize("how", GOES)
def test_who_was_a_member_is_no_new_person(how: str, northwind: House) -> None:
    """Also where new people may come in, and the provider's subject tells of nobody."""
    ada = member(northwind)
    northwind.provider.allow_creation = True
    northwind.provider.save()
    goes(northwind, ada, how=how)
    assert northwind.come_back().status_code == 403
    assert refusals() == ["not_invited"]


@pytest.mark.parametrize("how", GOES)
def test_who_goes_at_the_code_page_is_no_new_person(how: str, northwind: House) -> None:
    enrolled = enrol_app(member(northwind), now=timezone.now())
    northwind.provider.allow_creation = True
    northwind.provider.save()
    northwind.client.post(link_page(northwind), {"password": PASSWORD})
    goes(northwind, enrolled.user, how=how)
    code = pyotp.TOTP(enrolled.secret).at(timezone.now())
    northwind.client.post("/login/verify/", {"code": code})
    assert signed_in_as(northwind.client) == enrolled.user.email
    assert not Membership.objects.filter(user=enrolled.user).exists()


def test_whose_address_changed_meanwhile_is_not_linked_by_the_old_one(northwind: House) -> None:
    """The invitation went to the address that the request read before it waited for the lock."""
    owner, now = make_user(), timezone.now()
    Membership.objects.create(account=northwind.account, user=owner, role=Role.OWNER)
    ada = make_user(northwind.idp.person["email"])
    invitations.invite(
        account=northwind.account, email=ada.email, role=Role.MEMBER, actor=owner, now=now
    )
    User.objects.filter(pk=ada.pk).update(email="ada@home.example")
    assert not sso_linking.link(northwind.provider, ada, "ada-1", now=now)
    assert not Identity.objects.exists()


# Beside another person, another account, another provider.


def test_who_is_known_to_another_provider_is_linked_to_this_one_too(
    northwind: House, contoso: House
) -> None:
    ada = member(northwind)
    make_identity(contoso.provider, ada, now=timezone.now())
    northwind.client.post(link_page(northwind), {"password": PASSWORD})
    assert signed_in_as(northwind.client) == ada.email
    assert Identity.objects.filter(user=ada, provider=northwind.provider).exists()


def test_who_is_linked_already_stands_in_no_other_person_s_way(northwind: House) -> None:
    make_identity(northwind.provider, make_user("bea@northwind.example"), now=timezone.now())
    ada = member(northwind)
    northwind.client.post(link_page(northwind), {"password": PASSWORD})
    assert signed_in_as(northwind.client) == ada.email


def test_taking_a_link_back_leaves_everybody_else_theirs(northwind: House, contoso: House) -> None:
    ada, bea = member(northwind), make_user("bea@northwind.example")
    for provider, person in ((northwind.provider, bea), (contoso.provider, ada)):
        make_identity(provider, person, now=timezone.now())
    northwind.client.post(link_page(northwind), {"password": PASSWORD})
    objections.act(Notice.objects.get(kind="identity_linked"), now=timezone.now())
    left = Identity.objects.values_list("provider", "user")
    assert set(left) == {(northwind.provider.pk, bea.pk), (contoso.provider.pk, ada.pk)}


def test_a_membership_elsewhere_links_nobody_who_was_removed_here(
    northwind: House, contoso: House
) -> None:
    enrolled = enrol_app(member(northwind), now=timezone.now())
    Membership.objects.create(account=contoso.account, user=enrolled.user)
    northwind.client.post(link_page(northwind), {"password": PASSWORD})
    Membership.objects.filter(user=enrolled.user, account=northwind.account).delete()
    code = pyotp.TOTP(enrolled.secret).at(timezone.now())
    northwind.client.post("/login/verify/", {"code": code})
    assert signed_in_as(northwind.client) == enrolled.user.email
    assert not Identity.objects.exists()
    assert "sso" not in northwind.client.session


def test_a_membership_elsewhere_lets_nobody_in_who_is_known_here(
    northwind: House, contoso: House
) -> None:
    ada = known_ada(northwind)
    Membership.objects.filter(user=ada).update(account=contoso.account)
    check_refused(northwind.come_back(), northwind.client, code="not_member")


def test_who_has_left_another_account_is_new_to_this_one(northwind: House, contoso: House) -> None:
    ada = make_user(northwind.idp.person["email"])
    Membership.objects.create(account=contoso.account, user=ada)
    goes(contoso, ada, how="leaves")
    northwind.provider.allow_creation = True
    northwind.provider.save()
    northwind.client.post(link_page(northwind), {"password": PASSWORD})
    assert Membership.objects.get(user=ada).account == northwind.account
