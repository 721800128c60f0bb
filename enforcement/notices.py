"""Which mails a requirement owes now: found from stored state, in chunks, as often as asked.

Called by the sweep. Each mail is one row, unique per recipient, kind and period, so a job that
runs twice, late or in parallel owes nothing twice; what is stale by the time it would be sent is
dropped by ``enforcement.mails``, or told in the text that fits by then.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from accounts import locks, mail, wording
from accounts.models import Membership, Notice, User
from enforcement.decision import Standing, decide
from enforcement.models import Pass, Policy
from enforcement.standing import members_due, standings_in

CHUNK = 500
LATE = timedelta(minutes=15)  # a reminder later than this is dropped
REMINDERS = {
    "reminder_12h": (timedelta(hours=12), "reminded_12h_at"),
    "reminder_1h": (timedelta(hours=1), "reminded_1h_at"),
}
PASS_WARNING = timedelta(hours=1)


class Outcome(StrEnum):
    """What a requirement means for one member; the first that fits."""

    ON_PASS = "on_pass"
    READY = "ready"
    EXEMPT = "exempt"
    MUST_ACT = "must_act"


MAIL_OF = {
    Outcome.ON_PASS: "requirement_must_act",
    Outcome.READY: "requirement_ready",
    Outcome.EXEMPT: "requirement_exempt",
    Outcome.MUST_ACT: "requirement_must_act",
}


def outcome_of(standing: Standing, *, now: datetime) -> Outcome:
    """Return where a person stands towards a requirement, whatever its deadline."""
    if decide(standing, now=now).is_on_pass:
        return Outcome.ON_PASS
    if standing.has_device and standing.pass_until is None:
        return Outcome.READY
    return Outcome.EXEMPT if standing.is_sso else Outcome.MUST_ACT


def members_of(policy: Policy, *, in_window: bool = False) -> Iterator[tuple[User, Standing]]:
    """Yield the active members of the policy's account; or those whom it gave a window."""
    members = Membership.objects.active().filter(account=policy.account_id)
    if in_window:
        members = members.filter(joined_at__lte=policy.starts_at)
    people = User.objects.filter(pk__in=members.values("user")).order_by("pk")
    return standings_in(policy.account, people)


def extended(policy: Policy) -> QuerySet[Any]:
    """Return the memberships with a later deadline than the period's, which is their ``due_at``.

    Single sign-on was switched off within the window: ``enforcement.extensions`` mails them.
    """
    return members_due(policy).filter(joined_at__lte=policy.starts_at, due_at__gt=policy.deadline)


def _later_deadlines(policy: Policy, chunk: list[tuple[User, Standing]]) -> dict[int, datetime]:
    found = extended(policy).filter(user__in=[person.pk for person, _ in chunk])
    return dict(found.values_list("user", "due_at"))


def must_act(standing: Standing, *, now: datetime) -> bool:
    """Whether a member owes set-up to the account whose member it is the standing of."""
    return decide(standing, now=now).must_act and not standing.is_sso


def announce(*, now: datetime) -> None:
    """Owe the mails about each requirement that began and was not announced yet."""
    for policy in Policy.objects.filter(ended_at=None, announced_at=None).select_related(
        "account", "started_by"
    ):
        counts = _owe_to_members(policy, now=now)
        with transaction.atomic():
            _owe_to_owners(policy, counts, now=now)
            Policy.objects.filter(pk=policy.pk).update(announced_at=now)


def _owe_to_members(policy: Policy, *, now: datetime) -> Counter[Outcome]:
    counts: Counter[Outcome] = Counter()
    # Who joined since has no window: the mail at joining said so, and this one would say otherwise.
    people = members_of(policy, in_window=True)
    while chunk := list(islice(people, CHUNK)):
        found = [(person, outcome_of(standing, now=now)) for person, standing in chunk]
        counts.update(outcome for _, outcome in found)
        _owe_first_mails(policy, found, later=_later_deadlines(policy, chunk), now=now)
    return counts


@transaction.atomic
def _owe_first_mails(
    policy: Policy,
    found: list[tuple[User, Outcome]],
    *,
    later: dict[int, datetime],
    now: datetime,
) -> None:
    """Owe one of the texts to each person, whom a run before this one may have owed another."""
    locks.hold("announce", policy.pk)  # beside a run in parallel, which may see other outcomes
    told = Notice.objects.filter(
        kind__in=set(MAIL_OF.values()),
        occasion=_occasion_of(policy),
        user__in=[person.pk for person, _ in found],
    )
    had = set(told.values_list("user", flat=True))
    mail.owe_many(
        _about(policy, MAIL_OF[outcome], person, deadline=later.get(person.pk), now=now)
        for person, outcome in found
        if person.pk not in had
    )


def _occasion_of(policy: Policy) -> str:
    return f"policy:{policy.pk}"


def _about(
    policy: Policy,
    kind: str,
    person: User,
    *,
    now: datetime,
    deadline: datetime | None = None,
    drop_at: datetime | None = None,
) -> Notice:
    return mail.prepared(
        kind,
        to=person,
        occasion=_occasion_of(policy),
        account=policy.account,
        context=context_of(policy, deadline=deadline),
        drop_at=drop_at,
        now=now,
    )


def context_of(policy: Policy, *, deadline: datetime | None = None) -> dict[str, Any]:
    """Return what every mail about a period says; the preview of such a mail, too.

    ``deadline`` is the reader's own, where that is not the period's.
    """
    return {
        "account": policy.account.name,
        "slug": policy.account.slug,
        "policy": policy.pk,
        "deadline": (deadline or policy.deadline).isoformat(),
        "actor_name": wording.name_of(policy.started_by),
    }


def _owe_to_owners(policy: Policy, counts: Counter[Outcome], *, now: datetime) -> None:
    owners = Membership.objects.owners().filter(account=policy.account_id).select_related("user")
    context = {
        **context_of(policy),
        "must_act": counts[Outcome.MUST_ACT] + counts[Outcome.ON_PASS],
        "ready": counts[Outcome.READY] + counts[Outcome.EXEMPT],
    }
    mail.owe_many(
        mail.prepared(
            "owner_requirement_on",
            to=owner.user,
            occasion=f"policy:{policy.pk}",
            account=policy.account,
            context=context,
            now=now,
        )
        for owner in owners
    )


def remind(*, now: datetime) -> None:
    """Owe the reminders whose time has come; who is later than fifteen minutes drops them."""
    for kind, (before, mark) in REMINDERS.items():
        due = Policy.objects.filter(
            ended_at=None, deadline__lte=now + before, deadline__gt=now, **{mark: None}
        )
        for policy in due.select_related("account", "started_by"):
            _remind(policy, kind, at=policy.deadline - before, now=now)
            Policy.objects.filter(pk=policy.pk).update(**{mark: now})


def _remind(policy: Policy, kind: str, *, at: datetime, now: datetime) -> None:
    if at <= policy.starts_at or now >= at + LATE:
        return
    people = members_of(policy, in_window=True)
    while chunk := list(islice(people, CHUNK)):
        later = _later_deadlines(policy, chunk)
        mail.owe_many(
            _about(policy, kind, person, now=now, drop_at=at + LATE)
            for person, standing in chunk
            if person.pk not in later and must_act(standing, now=now)
        )


def warn_of_passes(*, now: datetime) -> None:
    """Owe the mail that tells a person an hour ahead that the pass ends."""
    if settings.TWO_FACTOR_PASS <= PASS_WARNING:
        return
    ending = Pass.objects.filter(
        closed_at=None, until__gt=now, until__lte=now + PASS_WARNING
    ).select_related("user")
    for active in ending:
        warned_at = active.until - PASS_WARNING
        if now < warned_at + LATE:
            mail.owe(
                "pass_ending_1h",
                to=active.user,
                occasion=f"pass:{active.pk}",
                context={"until": active.until.isoformat(), "pass": active.pk},
                drop_at=warned_at + LATE,
                now=now,
            )


def owe_due_at_once(*, membership: Membership, policy: Policy, now: datetime) -> None:
    """Tell a person who was added by hand that set-up comes before the next page."""
    mail.owe(
        "due_at_once",
        to=membership.user,
        occasion=f"policy:{policy.pk}:{membership.pk}",
        account=membership.account,
        context=context_of(policy),
        now=now,
    )


def tell_support_switched(
    policy: Policy, *, is_on: bool, actor: User, reason: str, now: datetime
) -> None:
    """Mail the owners that support switched the requirement on somebody's request."""
    owners = Membership.objects.owners().filter(account=policy.account_id).select_related("user")
    state = "on" if is_on else "off"
    context = {
        **context_of(policy),
        "actor_name": wording.name_of(actor),
        "is_on": is_on,
        "reason": reason,
    }
    mail.owe_many(
        mail.prepared(
            "policy_support_switched",
            to=owner.user,
            occasion=f"policy:{policy.pk}:{state}",
            account=policy.account,
            context=context,
            now=now,
        )
        for owner in owners
    )
