"""Acts of owners and support: requirements, passes, and what is told and taken along."""

from django.db import transaction
from django.urls import reverse

from accounts import (
    letters,
    objections,
)
from accounts.models import Account, Notice, Role
from enforcement import (
    advice,
    approvals,
    joining,
    logouts,
    mail_trouble,
    passes,
    policies,
    reminding,
)
from enforcement.tasks import carry_out
from tests.enforcement.desk import person_page, support_browser
from tests.enforcement.kit import browser, sign_in
from tests.factories import make_account
from tests.security.acts_world import Deed, World
from tests.twofactor.people import (
    ADDRESS,
    stamp_of,
)
from twofactor import budget, enrolment, rotation


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
    path = person_page(w.root, "pass")
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


def not_me(w: World) -> Deed:
    notice = Notice.objects.get(kind="set_up_done", user=w.eve.user)
    path = f"/not-me/{letters.not_me_token(notice)}/"
    assert objections.find(path.split("/")[-2], now=w.now)
    return lambda: browser().post(path)


def codes_removed(w: World) -> Deed:
    enrolment.new_codes(w.eve.user, stamp_read=stamp_of(w.eve.user), now=w.now)
    notice = Notice.objects.get(kind="codes_made", user=w.eve.user)
    path = f"/not-me/{letters.not_me_token(notice)}/"
    return lambda: browser().post(path)


def password_stopped(w: World) -> Deed:
    @transaction.atomic  # as every code is redeemed
    def charge() -> None:
        budget.failures_of(w.eve.user, now=w.now).charge(address=ADDRESS, agent="", now=w.now)

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
