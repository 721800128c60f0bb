"""From rows to ``Standing``: the one definition of the facts, for one person or for a set.

The facts are annotations on a queryset, so that gate, report and jobs read the same SQL: the
gate compiled and joined to its session (``enforcement.reader``), the others on many people.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

from django.db import router
from django.db.models import (
    Case,
    DateTimeField,
    Exists,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce

from accounts.compiled import ACCOUNT_HOLE, USER_HOLE, Compiled, compile_query
from accounts.models import Account, Invitation, Membership, User
from enforcement import exemption
from enforcement.decision import Standing
from enforcement.models import Closing, Extension, Pass, Policy
from twofactor import devices


@dataclass(frozen=True, slots=True)
class Facts:
    """What the database says of a person besides the columns of the person's own row."""

    has_device: bool
    due_at: datetime | None  # the earliest deadline that any account sets this person
    pass_ran_out: bool
    is_sso: bool = False  # of a session that passed a live provider; then ``due_at`` is without
    was_sso: bool = False  # the accounts of those it passed


def with_due_at(
    policies: QuerySet[Any], *, joined_at: Combinable, user: Combinable
) -> QuerySet[Any]:
    """Annotate ``due_at``: when each policy bites for ``user``, who joined at ``joined_at``.

    Who joined after the period began has no window and is due since joining. Whom the account's
    SSO had exempted may have a later deadline, which leaving and joining again forfeits.
    """
    own = Case(
        When(starts_at__gte=joined_at, then=F("deadline")),
        default=joined_at,
        output_field=DateTimeField(),
    )
    later = Extension.objects.filter(
        policy=OuterRef("pk"),
        user=_outer(user),
        given_at__gte=_outer(joined_at),
        deadline__gt=OuterRef("own_due_at"),
    )
    extended = Subquery(later.values("deadline")[:1])
    found: QuerySet[Any] = policies.annotate(own_due_at=own, due_at=Coalesce(extended, own))
    return found


def _outer(of: Combinable) -> OuterRef:
    """Return ``of`` as a query within sees it."""
    return OuterRef(of) if isinstance(of, OuterRef) else OuterRef(str(of.name))  # type: ignore[attr-defined]


def policies_of(person: User | int) -> QuerySet[Any]:
    """Return the open policies of a person's accounts, the most urgent first, with ``due_at``."""
    found = Policy.objects.filter(ended_at=None, account__memberships__user=person)
    joined_at, user = F("account__memberships__joined_at"), F("account__memberships__user")
    return with_due_at(found, joined_at=joined_at, user=user).order_by("due_at")


def members_due(policy: Policy) -> QuerySet[Any]:
    """Return the memberships of the policy's account with ``due_at``: when it bites for each."""
    due = with_due_at(
        Policy.objects.filter(pk=policy.pk), joined_at=OuterRef("joined_at"), user=OuterRef("user")
    )
    members = Membership.objects.filter(account=policy.account_id)
    return members.annotate(due_at=Subquery(due.values("due_at")[:1]))


@cache
def facts(path: str = "", *, spared: bool = False) -> Mapping[str, Combinable]:
    """Return the facts as annotations, ``path`` leading from the queried row to its person.

    They are those of who comes by password. ``spared`` leaves out what single sign-on exempts the
    person from who usually comes through it: so mails, preview and report see people.

    Each fact starts at the person's own rows and looks from there, one table at a time. As joins
    the same would cost PostgreSQL ten times as long to plan as to run.
    """
    person = OuterRef(f"{path}pk")
    return {
        "fact_has_device": devices.device_exists(person),
        "fact_due_at": Subquery(due_of(person, but=_is_exempt() if spared else None)),
        "fact_pass_ran_out": Exists(_ran_out(person, enrolled_at=OuterRef(f"{path}enrolled_at"))),
    }


def _is_exempt() -> Exists:
    """Whether single sign-on exempts the member from the account, for a membership."""
    return exempts(OuterRef("user"), OuterRef("account"))


def exempts(person: Combinable, account: Combinable | Account) -> Exists:
    """Whether single sign-on exempts ``person``, who usually comes through it, from ``account``."""
    return Exists(exemption.exempt(person=person, account=account))


def due_of(person: OuterRef, *, but: Combinable | None = None) -> QuerySet[Any]:
    """The earliest instant at which an account's requirement is due for its member.

    ``but`` is true of the memberships that are left out, because SSO exempts from their account.
    """
    policy = Policy.objects.filter(account=OuterRef("account"), ended_at=None)
    due = with_due_at(policy, joined_at=OuterRef("joined_at"), user=OuterRef("user"))
    found: QuerySet[Any] = Membership.objects.filter(user=person)
    if but is not None:
        found = found.filter(~Q(but))
    found = found.annotate(due=Subquery(due.values("due_at")[:1]))
    return found.order_by(F("due").asc(nulls_last=True)).values("due")[:1]


def _ran_out(person: OuterRef, *, enrolled_at: OuterRef) -> QuerySet[Any]:
    """The passes that ran out in a period that still binds, with no set-up since."""
    binding = Policy.objects.filter(
        account=OuterRef("account"), ended_at=None, starts_at__lt=OuterRef(OuterRef("until"))
    )
    held_in = Membership.objects.filter(Exists(binding), user=OuterRef("user"))
    # A pass always ends after its grant, so who never set up counts as set up before it.
    set_up_at = Coalesce(enrolled_at, F("granted_at"))
    return Pass.objects.filter(
        Exists(held_in), user=person, closed_as=Closing.RAN_OUT, until__gt=set_up_at
    )


def people_with_facts(people: QuerySet[User]) -> QuerySet[User]:
    return people.annotate(**facts())


def facts_of(person: User) -> Facts:
    """Return the facts that came with ``person``; asks once where they did not."""
    if not hasattr(person, "fact_due_at"):
        person = _asked(_person_query, person)
    return Facts(
        has_device=bool(person.fact_has_device),  # type: ignore[attr-defined]
        due_at=person.fact_due_at,  # type: ignore[attr-defined]
        pass_ran_out=bool(person.fact_pass_ran_out),  # type: ignore[attr-defined]
        is_sso=bool(getattr(person, "fact_exempt", False)),
    )


def standing_of(
    person: User,
    known: Facts,
    *,
    is_verified: bool = False,
    joining_due_at: datetime | None = None,
) -> Standing:
    """Put the facts about a person, or one of the person's sessions, together.

    ``joining_due_at`` is set while an acceptance is under way: joining an account that requires
    two-factor authentication binds from the moment it was begun.
    """
    return Standing(
        deadlines=_deadlines(person, known, joining_due_at),
        has_device=known.has_device,
        is_verified=is_verified,
        is_sso=known.is_sso,
        was_sso=known.was_sso,
        pass_until=person.pass_until,
        pass_ran_out=known.pass_ran_out,
    )


def _deadlines(person: User, known: Facts, joining_due_at: datetime | None) -> tuple[datetime, ...]:
    # Staff of the site are bound whatever any account says, since they joined.
    of_staff = person.joined_at if person.is_bound_staff else None
    return tuple(due for due in (known.due_at, of_staff, joining_due_at) if due is not None)


# One person at a time: the same querysets, their SQL made once per process.
ONE = Q(pk=USER_HOLE)


@lru_cache(maxsize=8)
def _person_query(using: str) -> Compiled:
    return compile_query(people_with_facts(User.objects.filter(ONE)), using)


@lru_cache(maxsize=8)
def _usual_query(using: str) -> Compiled:
    return compile_query(people_as_usual(User.objects.filter(ONE)), using)


@lru_cache(maxsize=8)
def _member_query(using: str) -> Compiled:
    return compile_query(_as_members(User.objects.filter(ONE), Value(ACCOUNT_HOLE)), using)


@lru_cache(maxsize=8)
def _names_query(using: str) -> Compiled:
    named = policies_of(USER_HOLE).values_list("account__name", flat=True)
    return compile_query(named, using)


def _asked(query_for: Callable[[str], Compiled], person: User, **values: int) -> User:
    """Return ``person`` as stored now, with facts.

    :raises User.DoesNotExist: for who was deleted.
    """
    using = router.db_for_read(User) or "default"
    query = query_for(using)
    row = query.run(using, user_id=person.pk, **values)
    if row is None:
        raise User.DoesNotExist
    found = query.instance(row, User, using)
    query.annotate(found, row)
    return found


def standings(people: QuerySet[User]) -> Iterator[tuple[User, Standing]]:
    """Yield every person with the standing a new, unverified session would have."""
    for person in people_with_facts(people).iterator(chunk_size=500):
        yield person, standing_of(person, facts_of(person))


def standings_in(account: Account, people: QuerySet[User]) -> Iterator[tuple[User, Standing]]:
    """Yield each person as a member of ``account``: as SSO if that exempts the person from it."""
    for person in _as_members(people, account).iterator(chunk_size=500):
        yield person, standing_of(person, facts_of(person))


def _as_members(people: QuerySet[User], account: Combinable | Account) -> QuerySet[User]:
    exempt = exempts(OuterRef("pk"), account)
    return people.annotate(**facts(spared=True), fact_exempt=exempt)


def standing_in(account: Account, person: User) -> Standing:
    """Return where one member stands, as mails see people; None of it is of a session."""
    found = _asked(_member_query, person, account_id=account.pk)
    return standing_of(found, facts_of(found))


def people_as_usual(people: QuerySet[User]) -> QuerySet[User]:
    """Annotate the facts about people as they usually come in, whatever their accounts."""
    through = Membership.objects.filter(_is_exempt(), user=OuterRef("pk"))
    return people.annotate(**facts(spared=True), fact_exempt=Exists(through))


def usual_standing(person: User) -> Standing:
    """Return where a person stands who comes in as usual; as SSO if nothing else binds then.

    ``person`` may come with the facts of ``people_as_usual``.
    """
    if not hasattr(person, "fact_exempt"):
        person = _asked(_usual_query, person)
    known = facts_of(person)
    return standing_of(person, replace(known, is_sso=known.is_sso and known.due_at is None))


def exempting_accounts(person: User) -> QuerySet[Any]:
    """Return the open policies of which single sign-on usually exempts ``person``."""
    return binding_accounts(person).filter(exempts(Value(person.pk), OuterRef("account")))


def standing_for(person: User) -> Standing:
    return standing_of(person, facts_of(person))


def binding_accounts(person: User, *, sso: Sequence[int] = ()) -> QuerySet[Any]:
    """Return the open policies that bind ``person``, with their accounts, to be shown.

    ``sso`` are the providers that the person's session passed; the accounts of those that are
    live do not bind it.
    """
    found = policies_of(person).select_related("account")
    if not sso:
        return found
    return found.exclude(exemption.passed(sso, account=OuterRef("account"), person=person))


def names_of_binding_accounts(person: User, *, sso: Sequence[int] = ()) -> list[str]:
    """Return what those accounts are called, the most urgent first: each page may say it."""
    if sso:
        return list(binding_accounts(person, sso=sso).values_list("account__name", flat=True))
    using = router.db_for_read(Policy) or "default"
    query = _names_query(using)
    rows = query.run_all(using, user_id=person.pk)
    return [name for (name,) in rows]


def _binding_invitations(person: User, *, now: datetime) -> QuerySet[Invitation]:
    requiring = Policy.objects.filter(ended_at=None)
    usable = Invitation.objects.usable(now=now)
    return usable.filter(email=person.email, account__policies__in=requiring)


def may_be_joining(person: User, *, now: datetime) -> bool:
    """Whether ``person`` could be at set-up for an invitation, and so need help with it."""
    return _binding_invitations(person, now=now).exists()


def joining_due_at(
    invitation_id: int | None, *, person: User, now: datetime, sso: Sequence[int] = ()
) -> datetime | None:
    """Return since when a usable invitation into a requiring account binds; None if it does not."""
    if invitation_id is None:
        return None
    binding = binding_invitation(invitation_id, person=person, now=now, sso=sso)
    return now if binding.exists() else None


def binding_invitation(
    invitation_id: int, *, person: User, now: datetime, sso: Sequence[int] = ()
) -> QuerySet[Invitation]:
    """Return the invitation if to accept it binds ``person`` from now on, else nothing.

    It binds whom it invites: in a browser that several people use, its link may have been
    opened by another than who signs in. Who comes through the account's SSO joins at once.
    """
    binding = _binding_invitations(person, now=now).filter(pk=invitation_id)
    if not sso:
        return binding
    return binding.exclude(exemption.passed(sso, account=OuterRef("account"), person=person))
