"""The gate adds no query in any state, and its SQL is the one that was thought about.

The reference is plain Django: one query for the session, one for the user who is loaded.
"""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import include, path
from django.utils import timezone

from accounts import session_state
from accounts.models import Session, User
from accounts.purposes import Purpose, serves
from bench import people
from enforcement import exemption, reader, standing, visitor
from enforcement.decision import Step
from twofactor.models import TOTPDevice

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

PLAIN = 2  # session and user


def closed(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"{request.user.pk}")


@serves(Purpose.OPEN)
def opened(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"{request.user.pk}")


urlpatterns = [
    path("closed/", closed),
    path("opened/", opened),
    path("", include("settings.urls")),  # a refusal names the sign-in page
]


@pytest.fixture(autouse=True)
def two_views(settings: object) -> Iterator[None]:
    """Views that do nothing but load the user, behind the product's own middleware."""
    settings.ROOT_URLCONF = __name__  # type: ignore[attr-defined]
    with people.cheap_backup_codes():
        yield


@pytest.fixture
def now() -> datetime:
    return timezone.now()


def browser(key: str | None) -> Client:
    client = Client()
    if key is not None:
        client.cookies[settings.SESSION_COOKIE_NAME] = key
    client.get("/opened/")  # compiles the queries, fills a cache
    return client


def queries(key: str | None, url: str = "/opened/") -> list[str]:
    client = browser(key)
    with CaptureQueriesContext(connection) as captured:
        client.get(url)
    return [query["sql"] for query in captured]


@pytest.mark.parametrize("url", ["/opened/", "/closed/"])
@pytest.mark.parametrize("state", [*people.STATES])
def test_one_query_reads_session_person_and_facts(state: str, url: str, now: datetime) -> None:
    key = people.STATES[state](now)
    found = queries(key, url)
    assert len(found) == PLAIN - 1, found


@pytest.mark.parametrize("state", [*people.STATES])
def test_cached_sessions_cost_one_query(state: str, now: datetime, settings: object) -> None:
    settings.SESSION_ENGINE = "accounts.session_cached_db"  # type: ignore[attr-defined]
    key = people.STATES[state](now)
    found = queries(key)
    assert len(found) == 1, found
    assert '"accounts_session"' not in found[0]


@pytest.mark.parametrize("url", ["/opened/", "/closed/"])
@pytest.mark.parametrize("state", [*people.SSO_STATES])
def test_a_session_that_came_by_sso_costs_one_query_more(
    state: str, url: str, now: datetime
) -> None:
    found = queries(people.SSO_STATES[state](now), url)
    assert len(found) == PLAIN, found


@pytest.mark.parametrize("state", [*people.SSO_STATES])
def test_a_cached_session_that_came_by_sso_costs_one_query_more(
    state: str, now: datetime, settings: object
) -> None:
    settings.SESSION_ENGINE = "accounts.session_cached_db"  # type: ignore[attr-defined]
    assert len(queries(people.SSO_STATES[state](now))) == PLAIN


def test_nobody_costs_nothing() -> None:
    assert queries(None) == []


def test_what_is_no_session_key_is_not_looked_up() -> None:
    assert queries("'; --\0") == []


def test_an_unknown_session_costs_one_query() -> None:
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = "0" * 32
    with CaptureQueriesContext(connection) as captured:
        client.get("/opened/")
    assert len(captured) == 1


def visited(key: str, *, at: datetime) -> visitor.Visitor:
    request = people.request_with_session(key)
    request.session.reader = reader.read_session  # type: ignore[attr-defined]
    return visitor.read(request, now=at)


STEPS = {
    "verified": Step.PROCEED,
    "in the window": Step.ENROL_SOON,
    "on a pass": Step.ON_PASS,
    "nothing binds": Step.PROCEED,
    "overdue": Step.ENROL_NOW,
    "pass ran out": Step.PASS_ENDED,
    "enrolled, not verified": Step.CODE_NEEDED,
    "exempt by SSO": Step.PROCEED,
    "exempt by SSO and verified": Step.PROCEED,
    "exempt from one of two": Step.ENROL_SOON,
    "provider switched off since": Step.ENROL_SOON,
}


@pytest.mark.parametrize(("state", "step"), STEPS.items())
def test_each_state_is_what_it_is_called(state: str, step: Step, now: datetime) -> None:
    found = visited({**people.STATES, **people.SSO_STATES}[state](now), at=now)
    assert found.obligation is not None
    assert found.obligation.step is step


def test_the_facts_through_providers_are_those_of_the_queryset(now: datetime) -> None:
    """Compiled once for each number of providers, and run with others than it was compiled for."""
    for make in [*people.SSO_STATES.values()] * 2:
        session = Session.objects.get(pk=make(now))
        providers = [int(key) for key in session.sso.strip(",").split(",")]
        of = session.user_id or 0
        for passed in (providers, [0, *providers, 0]):
            through = reader.read_sso(of, passed)
            person = OuterRef("pk")
            but = exemption.passed(passed, account=OuterRef("account"), person=OuterRef("user"))
            due = standing.due_of(person, but=but)
            (listed,) = User.objects.filter(pk=of).annotate(
                sso_due_at=Subquery(due), **exemption.facts_through(passed, person)
            )
            assert through is not None
            for name, value in asdict(through).items():
                assert value == getattr(listed, f"sso_{name}"), (make, name)


@pytest.mark.parametrize("state", [*people.STATES])
def test_facts_are_asked_for_unless_the_session_is_verified(state: str, now: datetime) -> None:
    row = reader.read_session(people.STATES[state](now))
    assert row is not None
    assert hasattr(row.person, "fact_due_at") is (state != "verified")


@pytest.mark.parametrize("state", [*people.STATES])
def test_the_compiled_facts_are_those_of_the_queryset(state: str, now: datetime) -> None:
    row = reader.read_session(people.STATES[state](now))
    assert row is not None
    assert row.person is not None
    alone = reader.read_person(row.person.pk, verified_stamp="")
    assert alone is not None
    (listed,) = standing.people_with_facts(User.objects.filter(pk=row.person.pk))
    facts = standing.facts_of(listed)
    assert standing.facts_of(alone) == facts
    if state != "verified":
        assert standing.facts_of(row.person) == facts


def test_facts_not_asked_for_are_never_taken_for_nothing(now: datetime) -> None:
    """The row calls the session verified, its data do not: the gate asks by itself."""
    key = people.STATES["overdue"](now)
    session = Session.objects.get(session_key=key)
    Session.objects.filter(pk=key).update(is_verified=True)
    row = reader.read_session(key)
    assert row is not None
    assert not hasattr(row.person, "fact_due_at")
    with CaptureQueriesContext(connection) as captured:
        found = visited(key, at=now)
    assert found.obligation is not None
    assert found.obligation.step is Step.ENROL_NOW
    assert len(captured) == PLAIN
    assert session.user_id == found.signed_in_person().pk


def test_a_changed_stamp_in_the_row_alone_verifies_nothing(now: datetime) -> None:
    """The same the other way: data say verified, the row an older stamp: not the shortcut."""
    key = people.STATES["verified"](now)
    Session.objects.filter(pk=key).update(stamp="an older one")
    found = visited(key, at=now)
    assert found.obligation is not None
    assert found.obligation.step is Step.PROCEED
    person = found.signed_in_person()
    TOTPDevice.objects.filter(user=person).delete()  # renews the person's stamp
    assert visited(key, at=now).ended is not None


@pytest.mark.parametrize(
    ("change", "is_settled"),
    [
        ({}, True),
        ({"pass_until": timezone.now() + timedelta(hours=1)}, False),
        ({"pass_until": timezone.now() - timedelta(hours=1)}, False),
        ({"stamp": "renewed"}, False),
    ],
    ids=["verified", "pass running", "pass over", "other stamp"],
)
def test_the_guard_is_the_gates_shortcut(
    change: dict[str, object], is_settled: bool, now: datetime
) -> None:
    key = people.STATES["verified"](now)
    person = User.objects.get(sessions__pk=key)
    User.objects.filter(pk=person.pk).update(**change)
    row = reader.read_session(key)
    assert row is not None
    assert hasattr(row.person, "fact_due_at") is not is_settled
    alone = reader.read_person(person.pk, verified_stamp=person.stamp)
    assert alone is not None
    assert hasattr(alone, "fact_due_at") is not is_settled


def test_the_sql_asks_each_fact_behind_the_guard() -> None:
    sql = reader._session_query("default").sql
    guard = (
        'CASE WHEN ("accounts_session"."is_verified" AND '
        '"accounts_session"."stamp" = ("accounts_user"."stamp") AND '
        '"accounts_user"."pass_until" IS NULL) THEN NULL ELSE '
    )
    # The other two are the deadline's own, and the same beside a later one.
    assert sql.count(guard) == sql.count("CASE WHEN") - 2
    head, *facts = sql.split(guard)
    assert len(facts) == 3
    for table in ("twofactor_totpdevice", "enforcement_policy", "enforcement_pass"):
        assert table not in head
    assert "accounts_provider" not in sql  # which only sessions that passed one ask for
    assert sql.count("JOIN") == 1
    assert sql.endswith('WHERE "accounts_session"."session_key" = %s')


def test_a_tampered_session_says_nothing(now: datetime) -> None:
    key = people.STATES["verified"](now)
    data = Session.objects.get(pk=key).session_data
    Session.objects.filter(pk=key).update(
        session_data=data[:-1] + ("A" if data[-1] != "A" else "B")
    )
    assert visited(key, at=now) is visitor.NOBODY


def test_a_session_under_an_older_server_key_is_read(now: datetime, settings: object) -> None:
    key = people.STATES["verified"](now)
    old, settings.SECRET_KEY = settings.SECRET_KEY, "newer-key-" + "n" * 50  # type: ignore[attr-defined]
    request = people.request_with_session(key)
    assert session_state.read(request.session) is None
    settings.SECRET_KEY_FALLBACKS = [old]  # type: ignore[attr-defined]
    request = people.request_with_session(key)
    assert session_state.read(request.session) is not None


def test_an_answer_without_a_cookie_still_depends_on_it() -> None:
    assert "Cookie" in Client().get("/opened/").headers["Vary"]
