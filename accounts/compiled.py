"""SQL made of a queryset once per process, and run with other values ever after.

Building the annotations of the facts costs Python about a millisecond, running them costs the
database a hundredth of that. So a query that is asked for one person at a time is compiled from
its queryset once, with named holes where its parameters go, and run as plain SQL afterwards.
"""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from django.db import connections
from django.db.models import Model, QuerySet

USER_HOLE, ACCOUNT_HOLE, AFTER_HOLE = -987_654_321, -987_654_322, -987_654_323
HOLES: dict[str, str | int] = {
    "session_key": "hole-session-key",
    "user_id": USER_HOLE,
    "account_id": ACCOUNT_HOLE,
    "after": AFTER_HOLE,
    "stamp": "hole-stamp",
}
PROVIDER_HOLES = -987_655_000  # and below: one for each provider of a session

Converter = Callable[[Any, Any, Any], Any]
M = TypeVar("M", bound=Model)


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
        with self._executed(using, values) as cursor:
            found = cursor.fetchone()
        return None if found is None else self._converted(found, using)

    def run_all(self, using: str, **values: Any) -> list[list[Any]]:
        with self._executed(using, values) as cursor:
            return [self._converted(found, using) for found in cursor.fetchall()]

    @contextmanager
    def _executed(self, using: str, values: Mapping[str, Any]) -> Iterator[Any]:
        parameters = list(self.parameters)
        for position, name in self.holes:
            parameters[position] = values[name]
        with connections[using].cursor() as cursor:
            if self.translate is not None:
                cursor.cursor.convert_query = self.translate
            cursor.execute(self.sql, parameters)
            yield cursor

    def _converted(self, found: Sequence[Any], using: str) -> list[Any]:
        row, connection = list(found), connections[using]
        for position, convert, expression in self.converters:
            if row[position] is not None:
                row[position] = convert(row[position], expression, connection)
        return row

    def value(self, row: list[Any], model: type[Model], name: str) -> Any:
        return row[self.places[model].start + self.names[model].index(name)]

    def instance(self, row: list[Any], model: type[M], using: str) -> M:
        return model.from_db(using, self.names[model], row[self.places[model]])

    def annotate(self, instance: Model, row: list[Any]) -> None:
        """Give ``instance`` what the queryset was annotated with."""
        for name, place in self.fact_places.items():
            setattr(instance, name, row[place])


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
