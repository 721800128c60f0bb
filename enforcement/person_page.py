"""What support, and owners of a person's accounts, may see of one person."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts import letters
from accounts.admin_scope import owned_accounts
from accounts.models import Membership, Session, User
from enforcement import approvals, passes, sentence, sign_ins, support
from enforcement.models import Approval, Pass, PassRequest
from enforcement.notices import Outcome, outcome_of
from enforcement.sign_ins import Try
from enforcement.standing import names_of_binding_accounts, usual_standing
from twofactor import backup_codes, devices


@dataclass(frozen=True, slots=True)
class Device:
    """A factor by its kind; never a secret, and of a number the last two digits."""

    kind: str
    detail: str
    confirmed_at: datetime | None
    is_blocked: bool = False


@dataclass(frozen=True, slots=True)
class Action:
    """Something that may be done to this person, or why not."""

    name: str  # of its URL
    label: str
    refused: str = ""
    is_danger: bool = False


@dataclass(frozen=True, slots=True)
class PersonPage:
    outcome: Outcome
    words: str
    memberships: list[Membership]
    asked: PassRequest | None
    active: Pass | None
    actions: list[Action]
    waiting: Approval | None  # for a second of support; to others only what they asked for
    # For support alone:
    devices: list[Device]
    codes_left: int
    sessions: list[Session]
    tries: list[Try]
    binding: list[str]
    history: list[Pass]


def of(person: User, *, viewer: User, now: datetime) -> PersonPage:
    """Return the page of ``person``; an owner sees the own accounts' side of it."""
    standing = usual_standing(person)
    for_support = viewer.is_bound_staff
    # What another account requires, and the pass from it, is no business of this account's owner.
    is_bound_here = for_support or passes.owns_binding_account(viewer, person)
    zone = letters.zone_of(viewer)
    return PersonPage(
        outcome=outcome_of(standing, now=now),
        words=sentence.about(person, zone=zone, now=now) if for_support else "",
        memberships=list(_memberships(person, viewer)),
        asked=_asked(person, viewer) if is_bound_here else None,
        active=passes.open_pass(person) if is_bound_here else None,
        actions=_actions(person, viewer, now=now),
        waiting=_waiting(person, viewer, now=now),
        devices=_devices(person) if for_support else [],
        codes_left=backup_codes.codes_left(person) if for_support else 0,
        sessions=sign_ins.live(person, now=now) if for_support else [],
        tries=sign_ins.tries(person) if for_support else [],
        binding=_binding(person) if for_support else [],
        history=list(_history(person)) if for_support else [],
    )


def _memberships(person: User, viewer: User) -> QuerySet[Membership]:
    found = Membership.objects.filter(user=person).select_related("account").order_by("account")
    return found if viewer.is_bound_staff else found.filter(account__in=owned_accounts(viewer))


def _asked(person: User, viewer: User) -> PassRequest | None:
    open_requests = PassRequest.objects.filter(user=person, closed_at=None)
    found = list(open_requests.select_related("endorsed_by")[:1])
    if not viewer.is_bound_staff:
        found = passes.without_strangers(found, owned_accounts(viewer))
    return found[0] if found else None


def _binding(person: User) -> list[str]:
    return names_of_binding_accounts(person)


def _history(person: User) -> QuerySet[Pass]:
    closed = Pass.objects.filter(user=person).exclude(closed_at=None)
    return closed.select_related("granted_by", "approved_by", "closed_by").order_by("-granted_at")[
        :20
    ]


def _devices(person: User) -> list[Device]:
    found = []
    app, phone = devices.app_of(person), devices.phone_of(person)
    if app is not None:
        found.append(Device(_("Authenticator app"), "", app.confirmed_at, app.is_blocked))
    if phone is not None:
        found.append(
            Device(
                _("Text message"),
                _("number ending in %(last2)s") % {"last2": phone.last2},
                phone.confirmed_at,
            )
        )
    return found


def _actions(person: User, viewer: User, *, now: datetime) -> list[Action]:
    """Return what ``viewer`` may do; what is refused to support is said, with the reason."""
    found = []
    if passes.may_help(viewer, person):
        found.append(Action("pass", _("Grant a pass"), _why_no_pass(person, viewer, now=now)))
    if passes.may_revoke(viewer, person) and viewer.pk != person.pk and passes.open_pass(person):
        found.append(Action("pass_revoke", _("Revoke the pass"), is_danger=True))
    if _waiting(person, viewer, now=now):
        found += _about_what_waits(person, viewer, now=now)
    return found + _of_support(person, viewer, now=now) if viewer.is_bound_staff else found


def _waiting(person: User, viewer: User, *, now: datetime) -> Approval | None:
    if not approvals.may_decline(viewer, person):
        return None
    return approvals.open_approval(person, now=now)


def _about_what_waits(person: User, viewer: User, *, now: datetime) -> list[Action]:
    found = []
    if viewer.is_bound_staff:
        not_approved = _why_not_approved(person, viewer, now=now)
        found.append(Action("approve", _("Approve what waits"), not_approved))
    if viewer.pk != person.pk:
        found.append(Action("decline", _("Decline what waits"), is_danger=True))
    return found


def _of_support(person: User, viewer: User, *, now: datetime) -> list[Action]:
    found = []
    refused = _why_not_handled(person, viewer)
    reset = refused or _why_no_reset(person, viewer, now=now)
    found.append(Action("reset", _("Reset two-factor authentication"), reset, is_danger=True))
    found.append(Action("sign_out", _("Sign out everywhere"), refused, is_danger=True))
    found.append(Action("address", _("Change the address"), refused, is_danger=True))
    if person.is_active:
        found.append(Action("deactivate", _("Deactivate"), refused, is_danger=True))
    else:
        found.append(Action("reactivate", _("Reactivate"), refused))
    if viewer.is_superuser:
        found.append(Action("staff", _("Change who is staff"), refused))
    return found


def _why_no_pass(person: User, viewer: User, *, now: datetime) -> str:
    try:
        passes.check_grantable(user=person, actor=viewer, now=now)
    except passes.NotGrantable as error:
        return str(error)
    return ""


def _why_no_reset(person: User, viewer: User, *, now: datetime) -> str:
    try:
        support.check_resettable(user=person, actor=viewer, now=now)
    except (passes.NotGrantable, support.NotAllowed) as error:
        return str(error)
    return ""


def _why_not_approved(person: User, viewer: User, *, now: datetime) -> str:
    try:
        approvals.check_approver(user=person, actor=viewer, now=now)
    except support.NotAllowed as error:
        return str(error)
    return ""


def _why_not_handled(person: User, viewer: User) -> str:
    try:
        support.check_may_handle(user=person, actor=viewer)
    except support.NotAllowed as error:
        return str(error)
    return ""


def pass_until(*, now: datetime) -> datetime:
    """Return the end that a pass would have if it were granted now."""
    return now + settings.TWO_FACTOR_PASS
