"""One act for each kind of event: what it needs is made first, then the deed is returned."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyotp
import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import (
    addresses,
    invitations,
    letters,
    memberships,
    objections,
    passwords,
    people,
    providers,
    sessions,
    sso_linking,
)
from accounts.audit import Event
from accounts.models import Account, Membership, Notice, Provider, Role, Session, User
from enforcement import (
    account_changes,
    advice,
    approvals,
    joining,
    leaving,
    logouts,
    mail_trouble,
    passes,
    policies,
    reminding,
    support,
)
from enforcement.management.commands import create_account
from enforcement.tasks import carry_out
from tests.accounts.entered import DETAILS, ENTERED, REASON
from tests.enforcement.desk import support_browser
from tests.enforcement.kit import browser, sign_in, sign_in_with_code
from tests.factories import PASSWORD, make_account, make_identity, make_provider, make_user
from tests.journeys.clock import Clock
from tests.twofactor.people import (
    ADDRESS,
    Enrolled,
    attempt_of,
    enrol_phone,
    redeem,
    stamp_of,
    text,
    wrong,
)
from twofactor import budget, enrolment, mailbox, rotation
from twofactor.redeem import CodeRejected, Kind, TooMany, Try
from twofactor.views.texting import NOT_TEXTED

Deed = Callable[[], Any]


@dataclass(frozen=True, kw_only=True)
class World:
    account: Account
    owner: User
    ada: User  # a member with a password alone
    eve: Enrolled  # a member with an app and codes
    sam: User  # support, enrolled
    root: User  # a superuser, enrolled
    clock: Clock
    settings: Any

    @property
    def now(self) -> datetime:
        return self.clock.now

    def membership(self, person: User) -> Membership:
        return Membership.objects.get(account=self.account, user=person)


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


def code_accepted(w: World) -> Deed:
    client, code = sign_in(w.eve.user), w.eve.code_at(w.now)
    return lambda: client.post("/login/verify/", {"code": code})


def code_rejected(w: World) -> Deed:
    client, code = sign_in(w.eve.user), wrong(w.eve.code_at(w.now))
    return lambda: client.post("/login/verify/", {"code": code})


def code_reused(w: World) -> Deed:
    sign_in_with_code(w.eve)
    client, code = sign_in(w.eve.user), w.eve.code_at(w.now)
    return lambda: client.post("/login/verify/", {"code": code})


def codes_throttled(w: World) -> Deed:
    given = attempt_of(w.eve.user, wrong(w.eve.code_at(w.now)))
    for _ in range(5):
        with suppress(CodeRejected):
            redeem(given, now=w.now)
    return lambda: refused(given, now=w.now)


def refused(given: Try, *, now: datetime) -> None:
    with pytest.raises(TooMany):
        redeem(given, now=now)


def text_sent(w: World) -> Deed:
    phone = enrol_phone(make_user(), now=w.now)
    return lambda: text(phone, now=w.now)


def text_refused(w: World) -> Deed:
    phone = enrol_phone(make_user(), now=w.now)
    w.settings.SMS_DAILY_LIMIT = 0

    def ask() -> None:
        with suppress(*NOT_TEXTED):
            text(phone, now=w.now)

    return ask


def mailbox_proved(w: World) -> Deed:
    client, code = in_set_up(w)
    return lambda: client.post("/two-factor/setup/mailbox/", {"code": code})


def in_set_up(w: World) -> tuple[Client, str]:
    policies.switch_on(account=w.account, actor=w.owner, now=w.now)
    w.clock.forward(days=2)
    client = sign_in(w.ada)
    notice = Notice.objects.filter(kind="mailbox_code", user=w.ada).latest("pk")
    return client, mailbox.code_for_mail(notice, w.now)["code"]


def device_confirmed(w: World) -> Deed:
    client, code = in_set_up(w)
    client.post("/two-factor/setup/mailbox/", {"code": code})
    page = client.get("/two-factor/setup/app/").content.decode()
    secret = page.split('data-secret="')[1].split('"')[0]
    given = {"code": pyotp.TOTP(secret).at(timezone.now())}
    return lambda: client.post("/two-factor/setup/app/", given)


def device_removed(w: World) -> Deed:
    enrol_phone(w.eve.user, now=w.now)
    stamp = stamp_of(w.eve.user)
    return lambda: enrolment.remove(w.eve.user, method="text", stamp_read=stamp, now=w.now)


def codes_made(w: World) -> Deed:
    stamp = stamp_of(w.eve.user)
    return lambda: enrolment.new_codes(w.eve.user, stamp_read=stamp, now=w.now)


def code_used(w: World) -> Deed:
    given = attempt_of(w.eve.user, w.eve.codes[0], kind=Kind.BACKUP)
    return lambda: redeem(given, now=w.now)


def two_factor_reset(w: World) -> Deed:
    return lambda: support.reset(user=w.eve.user, actor=w.sam, reason="asked", now=w.now)


def policy_on(w: World) -> Deed:
    return lambda: policies.switch_on(account=w.account, actor=w.owner, now=w.now)


def policy_off(w: World) -> Deed:
    policy_on(w)()
    return lambda: policies.switch_off(account=w.account, actor=w.owner, now=w.now)


def deadline_passed(w: World) -> Deed:
    sign_in(w.ada)
    policy_on(w)()
    w.clock.forward(days=1)
    return lambda: logouts.end_overdue_sessions(now=w.now)


def pass_asked(w: World) -> Deed:
    return lambda: passes.ask_for_pass(user=w.eve.user, message="", now=w.now)


def pass_granted(w: World) -> Deed:
    return lambda: passes.grant_pass(user=w.eve.user, actor=w.sam, reason="lost", now=w.now)


def pass_revoked(w: World) -> Deed:
    pass_granted(w)()
    return lambda: passes.revoke_pass(user=w.eve.user, actor=w.sam, now=w.now)


def pass_ended(w: World) -> Deed:
    pass_granted(w)()
    w.clock.forward(days=1)
    return lambda: passes.settle_pass(user=w.eve.user, now=w.now)


def pass_refused(w: World) -> Deed:
    client = support_browser()
    path = f"/admin/accounts/user/{w.root.pk}/pass/"
    return lambda: client.post(path, {"reason": "lost"})


def approval_asked(w: World) -> Deed:
    w.settings.TWO_FACTOR_PASS_APPROVAL = True
    joining.add_by_hand(
        user=w.eve.user, account=make_account(), role=Role.OWNER, actor=None, now=w.now
    )
    return lambda: approvals.grant_or_ask(
        user=w.eve.user, actor=w.sam, reason="lost", ticket="", now=w.now
    )


def approval_given(w: World) -> Deed:
    number = approval_asked(w)().pk
    return lambda: approvals.approve(user=w.eve.user, number=number, actor=w.root, now=w.now)


def approval_declined(w: World) -> Deed:
    number = approval_asked(w)().pk
    return lambda: approvals.decline(
        user=w.eve.user, number=number, reason="no", actor=w.root, now=w.now
    )


def sso_refused(w: World) -> Deed:
    provider = make_provider(w.account, now=w.now)
    return lambda: browser().get(f"/sso/{provider.slug}/callback/", {"state": "made up"})


def sso_linked(w: World) -> Deed:
    provider = make_provider(w.account, now=w.now)
    return lambda: sso_linking.link(provider, w.ada, "ada", now=w.now)


def not_me(w: World) -> Deed:
    notice = Notice.objects.get(kind="set_up_done", user=w.eve.user)
    path = f"/not-me/{letters.not_me_token(notice)}/"
    assert objections.find(path.split("/")[-2], now=w.now)
    return lambda: browser().post(path)


def password_stopped(w: World) -> Deed:
    @transaction.atomic  # as every code is redeemed
    def charge() -> None:
        budget.charge(w.eve.user, address=ADDRESS, agent="", now=w.now)

    for _ in range(19):
        charge()
    return charge


def keys_rotated(w: World) -> Deed:
    return lambda: rotation.reseal_all(now=w.now)


def audit_exported(w: World) -> Deed:
    client = support_browser()
    path = "/admin/accounts/auditevent/export/csv/"
    return lambda: client.post(path)


def members_exported(w: World) -> Deed:
    client = support_browser()
    path = reverse("admin:accounts_account_export", args=[w.account.pk, "csv"])
    return lambda: client.post(path)


def members_reminded(w: World) -> Deed:
    policy_on(w)()
    return lambda: reminding.remind_now(account=w.account, actor=w.owner, now=w.now)


def advice_sent(w: World) -> Deed:
    Account.objects.update(email_domains=["southwind.example"])
    return lambda: advice.advise(account=w.account, actor=w.owner, now=w.now)


def mail_sent_again(w: World) -> Deed:
    policy_on(w)()
    carry_out(now=w.now)
    notice = Notice.objects.filter(account_id=w.account.pk).latest("pk")
    Notice.objects.filter(pk=notice.pk).update(state=Notice.State.FAILED)
    return lambda: mail_trouble.send_again(
        account=w.account, pk=notice.pk, actor=w.owner, now=w.now
    )


def provider_added(w: World) -> Deed:
    return lambda: providers.add(account=w.account, **ENTERED, **by_support(w))


def by_support(w: World) -> dict[str, Any]:
    return {"actor": w.sam, "reason": REASON, "now": w.now}


def provider_of(w: World) -> Provider:
    return make_provider(w.account, now=w.now)


def provider_changed(w: World) -> Deed:
    provider = provider_of(w)
    return lambda: providers.change(provider=provider, details=DETAILS, **by_support(w))


def provider_secret_rotated(w: World) -> Deed:
    provider = provider_of(w)
    return lambda: providers.rotate_secret(provider=provider, secret="new", **by_support(w))


def provider_off(w: World) -> Deed:
    provider = provider_of(w)
    return lambda: providers.switch_off(provider=provider, **by_support(w))


def provider_cut_off(w: World) -> Deed:
    provider = provider_of(w)
    return lambda: providers.cut_off(provider=provider, **by_support(w))


def provider_tested(w: World) -> Deed:
    provider = make_provider(w.account, now=w.now, issuer="https://127.0.0.1")  # never asked
    client, path = support_browser(), f"/admin/accounts/provider/{provider.pk}/test/"
    return lambda: client.post(path)


def sso_unlinked(w: World) -> Deed:
    identity = make_identity(provider_of(w), w.ada, now=w.now)
    return lambda: providers.unlink(identity=identity, **by_support(w))


ACTS: dict[Event, Callable[[World], Deed]] = {
    Event.SIGNED_IN: signed_in,
    Event.SIGNED_OUT: signed_out,
    Event.SIGN_IN_FAILED: sign_in_failed,
    Event.SESSION_ENDED: other_session_ended,
    Event.SESSIONS_ENDED: signed_out_everywhere,
    Event.REAUTHENTICATED: reauthenticated,
    Event.PASSWORD_CHANGED: password_changed,
    Event.PASSWORD_RESET_ASKED: password_reset_asked,
    Event.PASSWORD_RESET: password_reset,
    Event.EMAIL_CHANGE_ASKED: email_change_asked,
    Event.EMAIL_CHANGED: email_changed,
    Event.PROFILE_CHANGED: profile_changed,
    Event.PERSON_ADDED: person_added,
    Event.PERSON_DELETED: person_deleted,
    Event.PERSON_DEACTIVATED: person_deactivated,
    Event.PERSON_REACTIVATED: person_reactivated,
    Event.STAFF_CHANGED: staff_changed,
    Event.ACCOUNT_CREATED: account_created,
    Event.ACCOUNT_CHANGED: account_changed,
    Event.INVITED: invited,
    Event.INVITATION_REVOKED: invitation_revoked,
    Event.JOINED: joined,
    Event.LEFT: left,
    Event.MEMBERSHIP_MOVED: membership_moved,
    Event.MEMBER_REMOVED: member_removed,
    Event.ROLE_CHANGED: role_changed,
    Event.CODE_ACCEPTED: code_accepted,
    Event.CODE_REJECTED: code_rejected,
    Event.CODE_REUSED: code_reused,
    Event.CODES_THROTTLED: codes_throttled,
    Event.TEXT_SENT: text_sent,
    Event.TEXT_REFUSED: text_refused,
    Event.MAILBOX_PROVED: mailbox_proved,
    Event.DEVICE_CONFIRMED: device_confirmed,
    Event.DEVICE_REMOVED: device_removed,
    Event.BACKUP_CODES_MADE: codes_made,
    Event.BACKUP_CODE_USED: code_used,
    Event.TWO_FACTOR_RESET: two_factor_reset,
    Event.POLICY_ON: policy_on,
    Event.POLICY_OFF: policy_off,
    Event.DEADLINE_PASSED: deadline_passed,
    Event.PASS_ASKED: pass_asked,
    Event.PASS_GRANTED: pass_granted,
    Event.PASS_REVOKED: pass_revoked,
    Event.PASS_ENDED: pass_ended,
    Event.PASS_REFUSED: pass_refused,
    Event.APPROVAL_ASKED: approval_asked,
    Event.APPROVAL_GIVEN: approval_given,
    Event.APPROVAL_DECLINED: approval_declined,
    Event.NOT_ME: not_me,
    Event.SSO_REFUSED: sso_refused,
    Event.SSO_LINKED: sso_linked,
    Event.PROVIDER_TESTED: provider_tested,
    Event.SSO_UNLINKED: sso_unlinked,
    Event.PASSWORD_STOPPED: password_stopped,
    Event.KEYS_ROTATED: keys_rotated,
    Event.AUDIT_EXPORTED: audit_exported,
    Event.MEMBERS_EXPORTED: members_exported,
    Event.MEMBERS_REMINDED: members_reminded,
    Event.ADVICE_SENT: advice_sent,
    Event.MAIL_SENT_AGAIN: mail_sent_again,
    Event.PROVIDER_ADDED: provider_added,
    Event.PROVIDER_CHANGED: provider_changed,
    Event.PROVIDER_SECRET_ROTATED: provider_secret_rotated,
    Event.PROVIDER_OFF: provider_off,
    Event.PROVIDER_CUT_OFF: provider_cut_off,
}
