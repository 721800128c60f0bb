"""Session, person and facts in one query, its SQL made once per process.

Building the annotations costs Python about a millisecond, running them costs the database a
hundredth of that. So each query is compiled from its queryset once, with named holes where its
parameters go, and run as plain SQL afterwards. The facts stand behind a CASE that is exactly the
gate's shortcut: a verified session under the person's stamp, with no pass unsettled, needs none.
"""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from functools import lru_cache
from typing import Any

from django.db import connections, router
from django.db.models import Case, F, Model, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.expressions import Combinable

from accounts.models import Session, User
from accounts.session_db import Row
from enforcement import exemption
from enforcement.standing import Facts, due_of, facts, facts_of

USER_HOLE = -987_654_321
HOLES: dict[str, str | int] = {
    "session_key": "hole-session-key",
    "user_id": USER_HOLE,
    "stamp": "hole-stamp",
}
PROVIDER_HOLES = -987_655_000  # and below: one for each provider of a session

Converter = Callable[[Any, Any, Any], Any]


@dataclass(frozen=True, slots=True)
class Compiled:
    """The SQL of a queryset, the places of its columns, and the holes in its parameters."""

    sql: str
    parameters: tuple[Any, ...]
    holes: tuple[tuple[int, str], ...]
    names: dict[type[Model], tuple[str, ...]]
    places: dict[type[Model], slice]  # where the columns of each model stand
    fact_places: dict[str, int]
    converters: tuple[tuple[int, Converter, Any], ...]
    translate: Callable[..., str] | None

    def run(self, using: str, **values: Any) -> list[Any] | None:
        """Return the first row, converted to Python's types."""
        parameters = list(self.parameters)
        for position, name in self.holes:
            parameters[position] = values[name]
        connection = connections[using]
        with connection.cursor() as cursor:
            if self.translate is not None:
                cursor.cursor.convert_query = self.translate
            cursor.execute(self.sql, parameters)
            found = cursor.fetchone()
        if found is None:
            return None
        row = list(found)
        for position, convert, expression in self.converters:
            if row[position] is not None:
                row[position] = convert(row[position], expression, connection)
        return row

    def value(self, row: list[Any], model: type[Model], name: str) -> Any:
        return row[self.places[model].start + self.names[model].index(name)]


def compile_query(
    queryset: QuerySet[Any], using: str, *, holes: Mapping[str, str | int] = HOLES
) -> Compiled:
    """Make SQL of ``queryset`` once; parameters equal to a hole's mark become that hole."""
    compiler = queryset.query.get_compiler(using=using)
    marks = {mark: name for name, mark in holes.items()}
    sql, parameters = _without_numbers(*compiler.as_sql(), but=marks)
    expressions = [column[0] for column in compiler.select]
    by_model: dict[type[Model], list[int]] = {}
    for place, (expression, _, alias) in enumerate(compiler.select):
        if alias is None:
            by_model.setdefault(expression.target.model, []).append(place)
    return Compiled(
        sql=sql,
        parameters=tuple(parameters),
        holes=tuple(
            (position, marks[value])
            for position, value in enumerate(parameters)
            if isinstance(value, str | int) and value in marks
        ),
        names={
            model: tuple(expressions[place].target.attname for place in found)
            for model, found in by_model.items()
        },
        places={model: slice(found[0], found[-1] + 1) for model, found in by_model.items()},
        fact_places={alias: place for place, (_, _, alias) in enumerate(compiler.select) if alias},
        converters=tuple(
            (position, convert, expression)
            for position, (functions, expression) in compiler.get_converters(expressions).items()
            for convert in functions
        ),
        translate=_translation(sql, using),
    )


def _without_numbers(
    sql: str, parameters: Sequence[Any], *, but: Container[Any]
) -> tuple[str, list[Any]]:
    """Write numbers that never change, such as each EXISTS's 1, into the SQL itself."""
    parts, kept = sql.split("%s"), []
    for place, value in enumerate(parameters):
        is_number = isinstance(value, int) and not isinstance(value, bool) and value not in but
        if not is_number:
            kept.append(value.value if isinstance(value, Enum) else value)
        parts[place] += str(int(value)) if is_number else "%s"
    return "".join(parts), kept


def _translation(sql: str, using: str) -> Callable[..., str] | None:
    """Return what spares SQLite's cursor its search for placeholders, half of a query's time.

    Django replaces them in these three kilobytes anew for each execution; the cursor is told the
    outcome instead. Everything around it stays Django's: logs, wrappers, errors.
    """
    connection = connections[using]
    if connection.vendor != "sqlite":
        return None
    with connection.cursor() as cursor:
        translated: str = cursor.cursor.convert_query(sql)

    def translate(query: str, *, param_names: object = None) -> str:
        return translated

    return translate


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
    person = User.from_db(using, query.names[User], row[query.places[User]])
    if row[query.fact_places["fact_has_device"]] is not None:
        for name, place in query.fact_places.items():
            setattr(person, name, row[place])
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
