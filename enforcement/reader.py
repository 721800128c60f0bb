"""Session, person and facts in one query, its SQL made once per process.

The facts stand behind a CASE that is exactly the gate's shortcut: a verified session under the
person's stamp, with no pass unsettled, needs none.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db import router
from django.db.models import Case, F, OuterRef, Q, Subquery, Value, When
from django.db.models.expressions import Combinable

from accounts.compiled import HOLES, PROVIDER_HOLES, USER_HOLE, Compiled, compile_query
from accounts.models import Session, User
from accounts.session_db import Row
from enforcement import exemption
from enforcement.standing import Facts, due_of, facts, facts_of


def guarded_facts(path: str, is_settled: Q) -> dict[str, Combinable]:
    """Return the facts, asked for only where the gate's shortcut does not already answer.

    Whether there is a device is true or false wherever it was asked: its NULL says "not asked".
    """
    return {
        name: Case(When(is_settled, then=Value(None)), default=fact)
        for name, fact in facts(path).items()
    }


@lru_cache(maxsize=8)
def _session_query(using: str) -> Compiled:
    settled = Q(is_verified=True, user__pass_until=None, stamp=F("user__stamp"))
    queryset = (
        Session.objects.filter(session_key=HOLES["session_key"])
        .select_related("user")
        .only("session_data", "expire_date", "user", "stamp")
        .annotate(**guarded_facts("user__", settled))
    )
    return compile_query(queryset, using)


@lru_cache(maxsize=8)
def _person_query(using: str) -> Compiled:
    settled = Q(stamp=HOLES["stamp"], pass_until=None)
    queryset = User.objects.filter(pk=USER_HOLE).annotate(**guarded_facts("", settled))
    return compile_query(queryset, using)


@lru_cache(maxsize=16)
def _sso_query(using: str, count: int) -> Compiled:
    marks = {f"provider_{place}": PROVIDER_HOLES - place for place in range(count)}
    person, providers = OuterRef("pk"), list(marks.values())
    passed = exemption.passed(providers, account=OuterRef("account"), person=OuterRef("user"))
    due = due_of(person, but=passed)
    queryset = (
        User.objects.filter(pk=USER_HOLE)
        .only("pk")
        .order_by()
        .annotate(sso_due_at=Subquery(due), **exemption.facts_through(providers, person))
    )
    return compile_query(queryset, using, holes={**HOLES, **marks})


def read_session(session_key: str) -> Row | None:
    """Return a session with its person joined and, where they matter, the person's facts."""
    using = router.db_for_read(Session) or "default"
    query = _session_query(using)
    row = query.run(using, session_key=session_key)
    if row is None:
        return None
    return Row(
        session_data=query.value(row, Session, "session_data"),
        expire_date=query.value(row, Session, "expire_date"),
        user_id=query.value(row, Session, "user_id"),
        stamp=query.value(row, Session, "stamp"),
        person=_person(query, row, using),
    )


def read_person(user_id: int, *, verified_stamp: str) -> User | None:
    """Return a person with facts; ``verified_stamp`` is empty for a session not verified."""
    using = router.db_for_read(User) or "default"
    query = _person_query(using)
    row = query.run(using, user_id=user_id, stamp=verified_stamp)
    return None if row is None else _person(query, row, using)


def _person(query: Compiled, row: list[Any], using: str) -> User | None:
    """Build the person from the joined columns; None when the session's person is gone."""
    if query.value(row, User, "id") is None:
        return None
    person = query.instance(row, User, using)
    if row[query.fact_places["fact_has_device"]] is not None:
        query.annotate(person, row)
    return person


@dataclass(frozen=True, slots=True)
class Through:
    """What the providers that a session passed mean for it now."""

    due_at: datetime | None  # the earliest deadline that is left
    is_live: bool
    was_live: bool  # one was switched off since
    is_cut_off: bool
    has_left: bool  # the person is no member any more of the account of one of them
    is_kept: bool  # nothing has renewed the person's stamp since one was switched off

    @property
    def lives_on(self) -> bool:
        """Whether sessions of its kind outlive a renewed stamp."""
        return self.is_live or self.is_kept

    def told(self, known: Facts) -> Facts:
        """Return the facts about the person as they are for this session."""
        return replace(known, due_at=self.due_at, is_sso=self.is_live, was_sso=self.was_live)


def read_sso(user_id: int, providers: Sequence[int]) -> Through | None:
    """Return what ``providers`` mean now: the one query more that an SSO session costs."""
    if not providers:
        return None
    using = router.db_for_read(User) or "default"
    query = _sso_query(using, len(providers))
    keys = {f"provider_{place}": key for place, key in enumerate(providers)}
    row = query.run(using, user_id=user_id, **keys)
    if row is None:
        return None
    found = {name.removeprefix("sso_"): row[place] for name, place in query.fact_places.items()}
    due_at = found.pop("due_at")
    return Through(due_at=due_at, **{name: bool(value) for name, value in found.items()})


def facts_of_session(person: User, providers: Sequence[int]) -> Facts:
    """Return the facts for a session of ``person`` that passed ``providers``, or none."""
    through = read_sso(person.pk, providers)
    return facts_of(person) if through is None else through.told(facts_of(person))
