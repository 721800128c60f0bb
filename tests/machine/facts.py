"""Who may have a page: said from rows and from what each browser proved, in the rules' order."""

from datetime import datetime

from accounts.models import Membership, Provider
from enforcement.models import Extension, Pass, Policy
from tests.machine.cast import Someone
from twofactor.models import SMSDevice, TOTPDevice


def why_not(person: Someone, which: int, *, now: datetime) -> str:
    """Return what forbids that this browser is let in; empty where nothing does."""
    passed = Provider.objects.filter(pk__in=person.passed[which])
    if any(one.cut_off_at for one in passed):
        return "the provider was cut off"
    if any(person.membership(one.account) is None for one in passed):
        return "left the account of the provider"
    leave = Pass.objects.filter(user=person.pk, closed_at=None).first()
    if leave is not None and now < leave.until:
        return ""
    enrolled = has_device(person)
    if leave is None and enrolled and which in person.proved:
        return ""
    exempt = vouching_for(person, which)
    overdue = is_overdue(person, but=exempt, now=now)
    if exempt and not overdue:
        return ""
    if leave is not None:
        return "the pass ran out"
    if enrolled and (overdue or not any(one.off_at for one in passed)):
        return "enrolled, and no code was given"
    return "overdue" if overdue else ""


def vouching_for(person: Someone, which: int) -> set[int]:
    """The accounts whose live provider this browser passed."""
    live = Provider.objects.live().filter(pk__in=person.passed[which])
    return set(live.values_list("account", flat=True))


def has_device(person: Someone) -> bool:
    return any(
        kind.objects.filter(user=person.pk, confirmed=True).exists()
        for kind in (TOTPDevice, SMSDevice)
    )


def is_overdue(person: Someone, *, but: set[int], now: datetime) -> bool:
    for member in Membership.objects.filter(user=person.pk).exclude(account__in=but):
        policy = Policy.objects.filter(account=member.account_id, ended_at=None).first()
        if policy is not None and due(policy, member) <= now:
            return True
    return False


def due(policy: Policy, member: Membership) -> datetime:
    """The period's own deadline; none for who joined later; or a later one of the member's own."""
    own = policy.deadline if member.joined_at <= policy.starts_at else member.joined_at
    later = Extension.objects.filter(policy=policy, user=member.user_id)
    given = later.filter(given_at__gte=member.joined_at).first()
    return max(own, given.deadline) if given is not None else own
