"""At a deadline: carry out what the gate already decides, and tell whom it met.

The gate refuses an overdue session by itself. This job makes it last (the stamp is renewed, so a
session can't come back should the requirement end), and mails the people who were signed out.
"""

import logging
from datetime import datetime

from django.db import transaction

from accounts import audit, locking, mail, sessions
from accounts.audit import Entry, Event
from accounts.models import Membership, Notice, User
from enforcement import extensions, passes, signed_in
from enforcement.decision import Step, decide
from enforcement.models import Extension, Pass, Policy
from enforcement.notices import CHUNK, Outcome, extended, members_of, outcome_of
from enforcement.standing import standings

logger = logging.getLogger(__name__)

KIND = "signed_out"


def end_overdue_sessions(*, now: datetime) -> None:
    """End the sessions of all who are overdue under a policy whose deadline has passed."""
    due = Policy.objects.filter(ended_at=None, swept_at=None, deadline__lte=now)
    for policy in due.select_related("account"):
        _sweep(policy, now=now)
    for policy, deadline in extensions.over(now=now):
        _sweep_extended(policy, deadline, now=now)
    extensions.close(now=now)


def _sweep_extended(policy: Policy, deadline: datetime, *, now: datetime) -> None:
    """The same for those whose deadline is a later one, since single sign-on was switched off."""
    given = Extension.objects.filter(policy=policy, deadline=deadline, swept_at=None)
    members = extensions.members(policy, deadline).filter(user__in=given.values("user"))
    keys = list(members.order_by("user").values_list("user", flat=True))
    for start in range(0, len(keys), CHUNK):
        _end_chunk(policy, keys[start : start + CHUNK], at=deadline, now=now)
    given.update(swept_at=now)


def _sweep(policy: Policy, *, now: datetime) -> None:
    members = Membership.objects.active().filter(
        account=policy.account_id, joined_at__lte=policy.starts_at
    )
    # Whose deadline is a later one is met at that one, however late this sweep comes.
    members = members.exclude(user__in=extended(policy).values("user"))
    keys = list(members.order_by("user").values_list("user", flat=True))
    for start in range(0, len(keys), CHUNK):
        _end_chunk(policy, keys[start : start + CHUNK], at=policy.deadline, now=now)
    with transaction.atomic():
        if Policy.objects.filter(pk=policy.pk, swept_at=None).update(swept_at=now):
            _tell_owners(policy, now=now)


@transaction.atomic
def _end_chunk(policy: Policy, keys: list[int], *, at: datetime, now: datetime) -> None:
    """End the sessions of the overdue among ``keys``, whose deadline was ``at``.

    The lock comes first and the facts are read after it: who completes set-up at this moment
    either holds the lock and is seen as enrolled, or waits and goes on all the same.
    """
    people = User.objects.filter(pk__in=keys, is_active=True)
    locking.hold(people)
    overdue = [
        person
        for person, standing in standings(people)
        if decide(standing, now=now).step is Step.ENROL_NOW
    ]
    occasion = f"policy:{policy.pk}"
    told = Notice.objects.filter(kind=KIND, occasion=occasion, created_at__gte=at)
    met_before = set(told.filter(user__in=overdue).values_list("user", flat=True))
    met = signed_in.among(overdue, policy.account, at=at, met_before=met_before)
    sessions.sign_out_overdue(User.objects.filter(pk__in=[person.pk for person in met]))
    context = {
        "account": policy.account.name,
        "slug": policy.account.slug,
        "policy": policy.pk,
        "deadline": at.isoformat(),
    }
    mail.owe_many(
        mail.prepared(
            KIND,
            to=person,
            occasion=occasion,
            account=policy.account,
            context=context,
            now=now,
        )
        for person in met
    )
    if met:
        audit.record_many(
            (
                Entry(event=Event.DEADLINE_PASSED, subject=person, account=policy.account)
                for person in met
            ),
            now=now,
        )


def _tell_owners(policy: Policy, *, now: datetime) -> None:
    """Tell the owners how it came out; who is on a pass was not signed out."""
    done, signed_out, missing = 0, 0, []
    for person, standing in members_of(policy):
        outcome = outcome_of(standing, now=now)
        done += outcome in {Outcome.READY, Outcome.EXEMPT}
        if outcome in {Outcome.ON_PASS, Outcome.MUST_ACT}:
            missing.append(person.get_full_name())
            signed_out += decide(standing, now=now).is_due
    owners = Membership.objects.owners().filter(account=policy.account_id).select_related("user")
    mail.owe_many(
        mail.prepared(
            "owner_result",
            to=owner.user,
            occasion=f"policy:{policy.pk}",
            account=policy.account,
            context={
                "account": policy.account.name,
                "slug": policy.account.slug,
                "policy": policy.pk,
                "deadline": policy.deadline.isoformat(),
                "done": done,
                "signed_out": signed_out,
                "names": missing[:20],
            },
            now=now,
        )
        for owner in owners
    )


def settle_passes(*, now: datetime) -> None:
    """Settle each pass that ran out; one that fails stops no other."""
    over = Pass.objects.filter(closed_at=None, until__lte=now).select_related("user")
    for active in over:
        try:
            passes.settle_pass(user=active.user, now=now)
        except User.DoesNotExist:
            continue  # deleted since the list was read, and the pass with it
        except Exception:
            logger.exception("Pass %s could not be settled; the next sweep tries again.", active.pk)
