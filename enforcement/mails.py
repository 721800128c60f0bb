"""The kinds of mail that this app owes: whether each is still owed, and the links it carries."""

from datetime import datetime
from typing import Any

from django.urls import reverse

from accounts import invitations
from accounts.letters import absolute, told_in, zone_of
from accounts.mail import Audience, Kind, register
from accounts.models import Account, Membership, Notice, User
from enforcement.decision import Standing, decide
from enforcement.models import Pass, Policy
from enforcement.notices import MAIL_OF, Outcome, must_act, outcome_of
from enforcement.standing import members_due, standing_for, standing_in
from twofactor import countries, mailbox


def _period_runs(notice: Notice, now: datetime) -> bool:
    """The period is open, and the person still belongs to the account."""
    policy = Policy.objects.filter(pk=notice.context["policy"], ended_at=None).first()
    if policy is None or notice.user is None or not notice.user.is_active:
        return False
    return Membership.objects.filter(account=policy.account_id, user=notice.user).exists()


def _must_act(notice: Notice, now: datetime) -> bool:
    """Set-up is owed by the reader's sign-in by password, whatever single sign-on exempts from."""
    if not _period_runs(notice, now) or notice.user is None:
        return False
    return decide(standing_for(notice.user), now=now).must_act


def _owes_set_up(notice: Notice, now: datetime) -> bool:
    """The reader would be owed the mail now: a pass frees of it, and so does single sign-on."""
    return _period_runs(notice, now) and must_act(_standing_of(notice), now=now)


def _standing_of(notice: Notice) -> Standing:
    """Return where the reader stands in the account, as those who owe mails see it.

    :raises User.DoesNotExist: for who was deleted.
    """
    if notice.user is None:
        raise User.DoesNotExist
    return standing_in(_account_of(notice), notice.user)


def _owes_set_up_by_then(notice: Notice, now: datetime) -> bool:
    """The same by the deadline that the mail tells."""
    return _owes_set_up(notice, now) and _is_due_then(notice)


def _is_due_then(notice: Notice) -> bool:
    """Whether the mail's deadline is the member's: of who joined anew it is another since."""
    members = members_due(Policy.objects.get(pk=notice.context["policy"]))
    told = datetime.fromisoformat(notice.context["deadline"])
    return members.filter(user=notice.user, due_at=told).exists()


def _account_of(notice: Notice) -> Account:
    return Policy.objects.select_related("account").get(pk=notice.context["policy"]).account


def _text_of_start(notice: Notice, now: datetime) -> str:
    """Return the kind of mail that tells the reader of a requirement as of now."""
    return MAIL_OF[outcome_of(_standing_of(notice), now=now)]


def _still_tells(notice: Notice, now: datetime) -> bool:
    """Whether the mail fits its reader, or set-up is owed by now; a pass only puts that off.

    Who was to be told to act, and need not by now, is told nothing.
    """
    fits = {notice.kind, MAIL_OF[Outcome.MUST_ACT]}
    return _period_runs(notice, now) and _text_of_start(notice, now) in fits


def _still_begins(notice: Notice, now: datetime) -> bool:
    """The same of who has been a member since the period began."""
    return _still_tells(notice, now) and _is_due_then(notice)


def _to_set_up(notice: Notice, now: datetime) -> dict[str, Any]:
    """The link, and by when: the earliest deadline of all the reader's accounts, or a pass's end.

    The mail was owed for the deadline of one account, which may be later, or had more time left.
    """
    found = decide(_standing_of(notice), now=now)
    owed_for = datetime.fromisoformat(notice.context["deadline"])
    deadline, is_ahead = found.until or owed_for, found.is_ahead or found.is_on_pass
    return {
        **_setup_link(notice, now),
        "by_text": countries.are_there(),
        "is_ahead": is_ahead,
        "is_as_owed": is_ahead and deadline == owed_for,
        "deadline": deadline,
        "deadline_told": told_in(deadline, zone_of(notice.user)),
    }


def _still_outside(notice: Notice, now: datetime) -> bool:
    """The person belongs to the account, under an address that is none of its own."""
    account = Account.objects.filter(pk=notice.account_id or 0).first()
    if account is None or notice.user is None or not notice.user.is_active:
        return False
    is_member = Membership.objects.filter(account=account, user=notice.user).exists()
    is_theirs = notice.user.email == notice.recipient
    return is_member and is_theirs and account.is_outside(notice.recipient)


def _email_settings(notice: Notice, now: datetime) -> dict[str, Any]:
    return {"email_url": absolute(reverse("settings_email"))}


def _pass_runs(notice: Notice, now: datetime) -> bool:
    active = Pass.objects.filter(pk=notice.context["pass"]).first()
    return active is not None and active.is_running(now=now)


def _setup_link(notice: Notice, now: datetime) -> dict[str, Any]:
    """The link that proves the mailbox: made here, so that no row or task holds its token."""
    if notice.user is None:
        return {}
    if notice.user.email != notice.recipient:
        # The address changed since the mail was owed: the old mailbox proves nothing any more.
        return {"setup_url": absolute(reverse("setup"))}
    return {"setup_url": mailbox.make_link(notice.user, now=now)}


def _ways_to_set_up(notice: Notice, now: datetime) -> dict[str, Any]:
    """Who came through single sign-on alone has no password yet, which set-up asks for."""
    has_password = notice.user is not None and notice.user.has_usable_password()
    choose = absolute(reverse("password_reset"))
    return {**_to_set_up(notice, now), "has_password": has_password, "password_url": choose}


def _revoke_link(notice: Notice, now: datetime) -> dict[str, Any]:
    return {**_setup_link(notice, now), "revoke_url": absolute(reverse("pass_end"))}


def _revoke_for(notice: Notice, now: datetime) -> dict[str, Any]:
    """The page on which an owner ends the pass of the person that the mail is about."""
    return {"revoke_url": absolute(reverse("member_pass_end", args=[notice.context["pass"]]))}


def _invitation(notice: Notice, now: datetime) -> dict[str, Any]:
    return {"url": invitations.link_of(notice.context["invitation"])}


def _invitation_open(notice: Notice, now: datetime) -> bool:
    return invitations.is_open(notice.context["invitation"], now=now)


APP = "enforcement"
register(
    Kind(name="requirement_must_act", app=APP, still_owed=_still_begins, values=_to_set_up),
    Kind(name="requirement_ready", app=APP, still_owed=_still_tells, fitting=_text_of_start),
    Kind(name="requirement_exempt", app=APP, still_owed=_still_tells, fitting=_text_of_start),
    Kind(name="due_at_once", app=APP, still_owed=_still_tells, values=_to_set_up),
    Kind(name="reminder_12h", app=APP, still_owed=_owes_set_up_by_then, values=_to_set_up),
    Kind(name="reminder_1h", app=APP, still_owed=_owes_set_up_by_then, values=_to_set_up),
    Kind(name="provider_off", app=APP, still_owed=_owes_set_up_by_then, values=_ways_to_set_up),
    Kind(name="reminder_asked", app=APP, still_owed=_owes_set_up, values=_to_set_up),
    Kind(name="advice_address", app=APP, still_owed=_still_outside, values=_email_settings),
    Kind(name="signed_out", app=APP, still_owed=_must_act, values=_setup_link),
    to=Audience.MEMBERS,
)
register(
    Kind(name="pass_asked_admins", app=APP),
    Kind(name="invitation_joined", app=APP),
    to=Audience.MANAGERS,
)
register(
    Kind(name="owner_requirement_on", app=APP, still_owed=_period_runs),
    Kind(name="owner_requirement_off", app=APP),
    Kind(name="owner_result", app=APP, still_owed=_period_runs),
    Kind(name="policy_support_switched", app=APP),
    Kind(name="pass_granted_owners", app=APP, values=_revoke_for),
    Kind(name="pass_ended_owners", app=APP),
    Kind(name="pass_revoked_owners", app=APP),
    Kind(name="not_me_owners", app=APP),
    Kind(name="address_changed_owners", app=APP),
    Kind(name="left_account_owners", app=APP),
    to=Audience.OWNERS,
)
register(
    Kind(name="pass_asked", app=APP, offers_not_me=True),
    Kind(name="pass_granted", app=APP, values=_revoke_link, offers_not_me=True),
    Kind(name="pass_ending_1h", app=APP, still_owed=_pass_runs, values=_setup_link),
    Kind(name="pass_ended", app=APP, values=_setup_link),
    Kind(name="pass_revoked", app=APP),
    Kind(name="left_account", app=APP),
    Kind(
        name="invitation",
        app="accounts",
        still_owed=_invitation_open,
        values=_invitation,
    ),
    to=Audience.ANYBODY,
)
