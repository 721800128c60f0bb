"""From rows to ``Standing``: the one definition of the facts, for one person or for a set.

The facts are annotations on a queryset, so that gate, report and jobs read the same SQL: the
gate compiled and joined to its session (``enforcement.reader``), the others on many people.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, DateTimeField, Exists, F, OuterRef, Q, QuerySet, Subquery, When
from django.db.models.expressions import Combinable

from accounts.models import Invitation, User
from enforcement.decision import Standing
from enforcement.models import Closing, Pass, Policy
from twofactor import devices


@dataclass(frozen=True, slots=True)
class Facts:
    """What the database says of a person besides the columns of the person's own row."""

    has_device: bool
    due_at: datetime | None  # the earliest deadline that any account sets this person
    pass_ran_out: bool


def due_at() -> Case:
    """Return when a policy bites for the member that its query joined.

    Who joined after the period began has no window and is due since joining.
    """
    return Case(
        When(account__memberships__joined_at__lte=F("starts_at"), then=F("deadline")),
        default=F("account__memberships__joined_at"),
        output_field=DateTimeField(),
    )


def policies_of(person: OuterRef | User) -> QuerySet[Any]:
    """Return the open policies of a person's accounts, the most urgent first, with ``due_at``."""
    found = Policy.objects.filter(ended_at=None, account__memberships__user=person)
    return found.annotate(due_at=due_at()).order_by("due_at")


def facts(person: str) -> dict[str, Combinable]:
    """Return the facts as annotations, ``person`` being the path to the person's key."""
    ran_out = Pass.objects.filter(
        user=OuterRef(person),
        closed_as=Closing.RAN_OUT,
        user__memberships__account__policies__ended_at=None,
        user__memberships__account__policies__starts_at__lt=F("until"),
    ).filter(Q(user__enrolled_at=None) | Q(user__enrolled_at__lt=F("until")))
    return {
        "fact_has_device": devices.device_exists(OuterRef(person)),
        "fact_due_at": Subquery(policies_of(OuterRef(person)).values("due_at")[:1]),
        "fact_pass_ran_out": Exists(ran_out),
    }


def people_with_facts(people: QuerySet[User]) -> QuerySet[User]:
    return people.annotate(**facts("pk"))


def facts_of(person: User) -> Facts:
    """Return the facts that came with ``person``; asks once where they did not."""
    if not hasattr(person, "fact_due_at"):
        person = people_with_facts(User.objects.filter(pk=person.pk)).get()
    return Facts(
        has_device=bool(person.fact_has_device),  # type: ignore[attr-defined]
        due_at=person.fact_due_at,  # type: ignore[attr-defined]
        pass_ran_out=bool(person.fact_pass_ran_out),  # type: ignore[attr-defined]
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
        pass_until=person.pass_until,
        pass_ran_out=known.pass_ran_out,
    )


def _deadlines(person: User, known: Facts, joining_due_at: datetime | None) -> tuple[datetime, ...]:
    # Staff of the site are bound whatever any account says, since they joined.
    of_staff = person.joined_at if person.is_bound_staff else None
    return tuple(due for due in (known.due_at, of_staff, joining_due_at) if due is not None)


def standings(people: QuerySet[User]) -> Iterator[tuple[User, Standing]]:
    """Yield every person with the standing a new, unverified session would have."""
    for person in people_with_facts(people).iterator(chunk_size=500):
        yield person, standing_of(person, facts_of(person))


def standing_for(person: User) -> Standing:
    return standing_of(person, facts_of(person))


def binding_accounts(person: User) -> QuerySet[Any]:
    """Return the open policies that bind ``person``, with their accounts, to be shown."""
    return policies_of(person).select_related("account")


def joining_due_at(invitation_id: int | None, *, now: datetime) -> datetime | None:
    """Return since when an open invitation into a requiring account binds; None if it does not."""
    if invitation_id is None:
        return None
    binding = Invitation.objects.open().filter(
        pk=invitation_id,
        expires_at__gt=now,
        account__policies__in=Policy.objects.filter(ended_at=None),
    )
    return now if binding.exists() else None
