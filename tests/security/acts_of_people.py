"""Acts of people: sign-ins, passwords, addresses, and who belongs to an account."""

from typing import Any

from accounts import (
    addresses,
    invitations,
    memberships,
    passwords,
    people,
    sessions,
)
from accounts.models import Notice, Role, Session
from enforcement import (
    account_changes,
    joining,
    leaving,
    support,
)
from enforcement.management.commands import create_account
from tests.enforcement.kit import browser, sign_in
from tests.factories import PASSWORD, make_user
from tests.security.acts_world import Deed, World


def signed_in(w: World) -> Deed:
    return lambda: sign_in(w.ada)


def signed_out(w: World) -> Deed:
    client = sign_in(w.ada)
    return lambda: client.post("/logout/")


def sign_in_failed(w: World) -> Deed:
    return lambda: browser().post("/login/", {"email": w.ada.email, "password": "wrong"})


def other_session_ended(w: World) -> Deed:
    client, other = sign_in(w.ada), sign_in(w.ada)
    found = Session.objects.get(session_key=other.session.session_key)
    path = f"/settings/sessions/{sessions.handle_of(found)}/end/"
    return lambda: client.post(path)


def signed_out_everywhere(w: World) -> Deed:
    client = sign_in(w.ada)
    return lambda: client.post("/settings/sessions/end-all/")


def reauthenticated(w: World) -> Deed:
    client = sign_in(w.ada)
    return lambda: client.post("/reauthenticate/", {"password": PASSWORD, "next": "/"})


def password_changed(w: World) -> Deed:
    return lambda: passwords.change_password(user=w.ada, password="a new long one", now=w.now)


def password_reset_asked(w: World) -> Deed:
    return lambda: browser().post("/password/reset/", {"email": w.ada.email})


def password_reset(w: World) -> Deed:
    return lambda: passwords.reset_password(user=w.ada, password="a new long one", now=w.now)


def email_change_asked(w: World) -> Deed:
    return lambda: addresses.ask(
        user=w.ada, email="new@northwind.example", needs_both=False, now=w.now
    )


def confirmed(w: World, **how: Any) -> Deed:
    addresses.ask(user=w.ada, email="new@northwind.example", needs_both=False, now=w.now, **how)
    notice = Notice.objects.filter(kind="address_confirm").latest("pk")
    change = addresses.find(addresses.link_of(notice).split("/")[-2], now=w.now)
    assert change is not None
    return lambda: addresses.confirm(change=change, now=w.now)


def email_changed(w: World) -> Deed:
    return confirmed(w)


def membership_moved(w: World) -> Deed:
    return confirmed(w, membership=w.membership(w.ada))


def profile_changed(w: World) -> Deed:
    client = sign_in(w.ada)
    form = {"name": "Ada L.", "language": "en", "time_zone": "UTC"}
    return lambda: client.post("/settings/", form)


def person_added(w: World) -> Deed:
    return lambda: people.create(email="new@northwind.example", actor=None, now=w.now)


def person_deleted(w: World) -> Deed:
    return lambda: people.delete(user=w.ada, now=w.now)


def person_deactivated(w: World) -> Deed:
    return lambda: support.deactivate(user=w.ada, actor=w.sam, now=w.now)


def person_reactivated(w: World) -> Deed:
    support.deactivate(user=w.ada, actor=w.sam, now=w.now)
    return lambda: support.reactivate(user=w.ada, actor=w.sam, now=w.now)


def staff_changed(w: World) -> Deed:
    return lambda: support.change_staff(
        user=w.ada, is_staff=True, is_superuser=False, actor=w.root, now=w.now
    )


def account_created(w: World) -> Deed:
    return lambda: create_account._create("Films", w.owner.email, "enterprise", None)


def account_changed(w: World) -> Deed:
    w.account.name = "Southwind"
    return lambda: account_changes.change(account=w.account, actor=w.sam, now=w.now)


def invited(w: World) -> Deed:
    return lambda: invitations.invite(
        account=w.account, email="new@n.example", role=Role.MEMBER, actor=w.owner, now=w.now
    )


def invitation_revoked(w: World) -> Deed:
    found = invited(w)()
    return lambda: invitations.revoke(invitation=found, actor=w.owner, now=w.now)


def joined(w: World) -> Deed:
    found = invited(w)()
    guest = make_user("new@n.example")
    return lambda: joining.accept(invitation=found, user=guest, now=w.now)


def left(w: World) -> Deed:
    return lambda: leaving.leave(membership=w.membership(w.ada), now=w.now)


def member_removed(w: World) -> Deed:
    return lambda: leaving.remove(membership=w.membership(w.ada), actor=w.owner, now=w.now)


def role_changed(w: World) -> Deed:
    return lambda: memberships.change_role(
        membership=w.membership(w.ada), role=Role.ADMIN, actor=w.owner, now=w.now
    )
