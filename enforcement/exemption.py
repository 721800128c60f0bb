"""Whom an account's identity provider exempts from that account's requirement, as conditions.

Two questions, both answered by the database: what the providers that one session passed mean for
this session, which the gate asks; and whether a person as such is exempt, which mails, reports and
reminders ask. Imported by ``standing``; knows no deadline.
"""

from collections.abc import Sequence

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.expressions import Combinable

from accounts.models import Account, Identity, Membership, Provider, User

# Conditions on identities. Staff of the site are bound, whatever exempts others.
LIVE = Q(provider__off_at=None, provider__cut_off_at=None)
COMES_THROUGH = Q(user__is_staff=False, user__is_superuser=False) & (
    Q(user__password__startswith=UNUSABLE_PASSWORD_PREFIX) | Q(user__last_provider=F("provider"))
)
BY_PASSWORD = ~Q(user__password__startswith=UNUSABLE_PASSWORD_PREFIX) & (
    Q(user__last_provider=None) | ~Q(user__last_provider=F("provider"))
)


def passed(providers: Sequence[int], *, account: Combinable, person: Combinable | User) -> Exists:
    """Whether the live provider of ``account`` is among those that a session of ``person`` passed.

    It has to know the person to this day: who was unlinked is bound like anybody else.
    """
    return Exists(known(person=person, account=account).filter(provider__in=providers))


def facts_through(providers: Sequence[int], person: OuterRef) -> dict[str, Combinable]:
    """Return what ``providers`` mean for a session of ``person`` that passed them."""
    of_session = Provider.objects.filter(pk__in=providers)
    return {
        "sso_is_live": Exists(Identity.objects.filter(LIVE, provider__in=providers, user=person)),
        "sso_was_live": Exists(of_session.filter(off_at__isnull=False, cut_off_at=None)),
        "sso_is_cut_off": Exists(of_session.filter(cut_off_at__isnull=False)),
        "sso_has_left": Exists(_left(of_session, person)),
        "sso_is_kept": Exists(_kept(providers, person)),
    }


def _left(of_session: QuerySet[Provider], person: OuterRef) -> QuerySet[Provider]:
    """Those whose account has the person as a member no more."""
    member = Membership.objects.filter(account=OuterRef("account"), user=OuterRef(person))
    return of_session.filter(~Exists(member))


def _kept(providers: Sequence[int], person: OuterRef) -> QuerySet[Identity]:
    """Those that were switched off under the stamp which the person has to this day."""
    return Identity.objects.filter(
        provider__in=providers,
        provider__off_at__isnull=False,
        user=person,
        stamp_at_end=F("user__stamp"),
    )


def exempt(*, person: Combinable | User, account: Combinable | Account) -> QuerySet[Identity]:
    """The identity at the live provider of ``account`` that exempts ``person``, if there is one."""
    return known(person=person, account=account).filter(COMES_THROUGH)


def known(*, person: Combinable | User, account: Combinable | Account) -> QuerySet[Identity]:
    """The identity of ``person`` at the live provider of ``account``, if there is one."""
    return Identity.objects.filter(LIVE, user=person, provider__account=account)
