"""What all tests share, and which database they run on.

Tests run on SQLite in memory. A test marked ``postgres`` runs on PostgreSQL alone, one marked
``both_databases`` on either. `make test` runs pytest twice, the second time with DATABASE_URL at a
cluster of its own; each run picks the tests of its database. By hand:

    make test ONLY=sqlite ARGS="tests/accounts -k invitation"
    make test ONLY=postgres ARGS="tests/integration"

Tests that must share a process, such as those of one expensive server, name a group:
``@pytest.mark.xdist_group("browser")``; browser tests are grouped here.
"""

import gc
import re
from pathlib import Path
from typing import Any

import pytest
from _pytest.nodeid import NodeId
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.core.management.commands import flush
from django.db import connection
from django.template import engines
from django.utils import translation

from accounts import letters
from tests.journeys.servers import RUNS_ALL
from tests.tampering import as_administrator
from twofactor import backup_codes

pytest_plugins = ["tests.services.fixtures"]

MARKS = ("postgres", "both_databases", "every_server")
MADE_BY_MIGRATE = {"django_content_type", "auth_permission"}


def is_for(item: pytest.Item, *, on_postgres: bool) -> bool:
    if item.get_closest_marker("both_databases"):
        return True
    return (item.get_closest_marker("postgres") is not None) is on_postgres


def on_postgres() -> bool:
    engine: str = settings.DATABASES["default"]["ENGINE"]
    return engine.endswith("postgresql")


def names_postgres(path: Path) -> bool:
    """Whether a module of tests could hold one for PostgreSQL, by the marks that its text names."""
    return any(mark in path.read_text() for mark in MARKS)


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Import no module in vain: each process of the second run would import all of them."""
    is_module = collection_path.match("test_*.py")
    in_vain = is_module and on_postgres() and not RUNS_ALL and not names_postgres(collection_path)
    return in_vain or None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests of this run's database, and browser tests in one process."""
    for_postgres = {item.path for item in items if is_for(item, on_postgres=True)}
    unnamed = [str(path) for path in for_postgres if not (RUNS_ALL or names_postgres(path))]
    if unnamed:
        raise pytest.UsageError(f"The second run would not find its tests in {unnamed}.")
    wanted = [is_for(item, on_postgres=on_postgres()) for item in items]
    left_out = [item for item, is_wanted in zip(items, wanted, strict=True) if not is_wanted]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item, is_wanted in zip(items, wanted, strict=True) if is_wanted]
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.xdist_group("browser"))
    if config.getoption("loadgroup", default=False):
        for item in items:
            name_group(item)
        items.sort(key=takes_long, reverse=True)  # what would be waited for at the end begins first


def takes_long(item: pytest.Item) -> bool:
    """Whether ``item`` must share a process with others, or waits for workers that get killed."""
    return any(item.get_closest_marker(mark) for mark in ("xdist_group", "redis", "long"))


def name_group(item: pytest.Item) -> None:
    """Say in the name of ``item`` which group it belongs to: xdist reads it there.

    xdist 3.8 writes it itself, but to a field that pytest 9.2 no longer reads: unnoticed, each
    process would start all that a group shares (pytest-xdist#1386).
    """
    groups = sorted({str(mark.args[0]) for mark in item.iter_markers("xdist_group")})
    if groups:
        item._id = NodeId.parse(f"{item.nodeid}@{'_'.join(groups)}")


def pytest_collection_finish() -> None:
    """Spare the collector of garbage what stays for good: it costs a tenth of all tests' time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 50, 10_000)


@pytest.fixture(scope="session", autouse=True)
def tests_empty_their_tables() -> None:
    """Between tests all tables are emptied, which the audit's own refuse to everybody else.

    Row by row: there are few, and PostgreSQL makes every table and index anew to truncate them.
    What migrations leave stays, so that nothing needs to be made again.
    """
    operations = type(connection.ops)
    execute = operations.execute_sql_flush

    def flush_as_administrator(self: Any, statements: Any) -> None:
        kept = {self.quote_name(name) for name in MADE_BY_MIGRATE}
        tables = self.connection.introspection.django_table_names(only_existing=True)
        emptied = {self.quote_name(name) for name in tables} - kept
        with as_administrator(self.connection):
            execute(self, [f"DELETE FROM {name}" for name in sorted(emptied)])  # noqa: S608

    operations.execute_sql_flush = flush_as_administrator  # type: ignore[assignment,method-assign]
    flush.emit_post_migrate_signal = lambda *args, **kwargs: None  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def words_are_english() -> None:
    """What a test activates stays active in its thread; no other may read that."""
    translation.deactivate()


@pytest.fixture(autouse=True)
def hashes_are_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten backup codes cost as much as they are meant to; a test reads the real cost instead."""
    monkeypatch.setattr(backup_codes, "TIME_COST", 1)
    monkeypatch.setattr(backup_codes, "MEMORY_KIB", 8)


@pytest.fixture(autouse=True)
def no_mail_lacks_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every mail that any test builds must have been given all that its templates print."""
    build, engine = letters.build, engines["django"].engine  # type: ignore[attr-defined]

    def build_strictly(*args: Any, **kwargs: Any) -> EmailMultiAlternatives:
        engine.string_if_invalid = "(missing: %s)"
        try:
            message = build(*args, **kwargs)
        finally:
            engine.string_if_invalid = ""
        parts = [message.subject, message.body, *(content for content, _ in message.alternatives)]
        lacking = re.findall(r"\(missing: [^)]*\)", "".join(map(str, parts)))
        assert not lacking, f"{args[1].name} lacks {lacking}"

        return message

    monkeypatch.setattr(letters, "build", build_strictly)
