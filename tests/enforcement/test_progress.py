"""The chart of an owner's page: figures from stored facts, drawn by the server."""

import re
from typing import Any

import pytest

from accounts.models import Account, Membership, User
from enforcement import passes, policies, progress, roster
from enforcement.models import Policy
from enforcement.notices import Outcome
from tests.enforcement.desk import account_page, owner_browser
from tests.enforcement.kit import HOUR
from tests.enforcement.test_admin_requirement import add_members, queries
from tests.factories import make_user
from tests.journeys.clock import Clock
from tests.twofactor.people import enrol_app

pytestmark = pytest.mark.django_db


def numbers(point: progress.Point) -> tuple[int, int, int]:
    return point.must_act, point.on_pass, point.ready


def at_hour(policy: Policy, hours: float, clock: Clock) -> tuple[int, int, int]:
    """Return what the chart of now says of ``hours`` after the start."""
    shown = progress.points(policy, now=clock.now, ends_at=policy.deadline)
    (point,) = [each for each in shown if each.at == policy.starts_at + hours * HOUR]
    return numbers(point)


def test_the_chart_tells_who_stood_where_at_each_hour(
    owner: User, ada: User, northwind: Account, clock: Clock
) -> None:
    policy = policies.switch_on(account=northwind, actor=owner, now=clock.now)
    clock.forward(hours=2)
    enrol_app(ada, now=clock.now)  # five minutes before
    clock.forward(hours=1)
    passes.grant_pass(user=owner, actor=None, reason="lost", now=clock.now)
    clock.forward(hours=1)
    passes.revoke_pass(user=owner, actor=None, now=clock.now)
    clock.forward(hours=1)
    late = make_user("late@northwind.example")
    Membership.objects.create(account=northwind, user=late, joined_at=clock.now)
    clock.forward(hours=1)
    told = {hour: at_hour(policy, hour, clock) for hour in (0, 1.5, 2, 3, 4, 5, 6)}
    assert told == {
        0: (2, 0, 0), 1.5: (2, 0, 0), 2: (1, 0, 1), 3: (0, 1, 1), 4: (1, 0, 1), 5: (2, 0, 1),
        6: (2, 0, 1),
    }  # fmt: skip


def test_whose_pass_ran_out_was_ready_before_it(
    ada: User, northwind: Account, clock: Clock
) -> None:
    enrol_app(ada, now=clock.now)
    policy = policies.switch_on(account=northwind, actor=None, now=clock.now)
    clock.forward(hours=1)
    passes.grant_pass(user=ada, actor=None, reason="lost", now=clock.now)
    for is_settled in (False, True):
        clock.set(policy.deadline + 2 * HOUR)
        if is_settled:
            passes.settle_pass(user=ada, now=clock.now)
        shown = progress.points(policy, now=clock.now, ends_at=policy.starts_at + 48 * HOUR)
        assert [numbers(shown[hour]) for hour in (0, 1, 24, 25)] == [
            (1, 0, 1), (1, 1, 0), (1, 1, 0), (2, 0, 0),
        ]  # fmt: skip


def test_the_last_point_is_the_count_of_now(
    ada: User, owner: User, northwind: Account, clock: Clock
) -> None:
    policy = policies.switch_on(account=northwind, actor=None, now=clock.now)
    # Some spans divide into points that end a microsecond before now.
    spans = [hours + odd / 3.6e9 for hours in (0, 3, 21, 30, 200) for odd in (0, 1, 7, 23)]
    for hours in spans:
        clock.set(policy.starts_at + hours * HOUR)
        shown = progress.chart(policy, now=clock.now)
        counted = roster.counts(northwind, now=clock.now)
        assert shown.last.numbers == dict(counted.by_outcome)
        assert shown.last.numbers[Outcome.EXEMPT] == 0
        assert (shown.deadline_x == "") is (hours < 24)


def test_the_picture_has_a_title_a_description_and_a_table(
    ada: User, owner: User, northwind: Account, clock: Clock
) -> None:
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    client = owner_browser(owner)
    clock.forward(minutes=30)
    enrol_app(ada, now=clock.now)
    clock.forward(hours=5)
    page = client.get(account_page(northwind)).content.decode()
    (svg,) = re.findall(r"<svg viewBox.*?</svg>", page, re.DOTALL)
    assert 'role="img" aria-labelledby="chart-title chart-desc"' in re.sub(r"\s+", " ", svg)
    assert "now: 1 of 2. Ready: 1, exempt: 0" in re.sub(r"\s+", " ", svg)
    assert "style=" not in svg
    bands = dict(re.findall(r'chart-band--(\w+)"\s+d="([^"]+)"', svg))
    assert set(bands) == {"ready", "must_act"}
    (table,) = re.findall(r"<table>.*?</table>", page, re.DOTALL)
    figures: list[Any] = re.findall(r"<td>(\d+)</td>", table)
    assert figures[:4] == ["2", "0", "0", "0"]
    assert figures[-4:] == ["1", "0", "0", "1"]


def test_it_costs_the_same_for_two_and_for_five_hundred(northwind: Account, clock: Clock) -> None:
    policy = policies.switch_on(account=northwind, actor=None, now=clock.now)
    clock.forward(hours=2)
    few = queries(lambda: progress.chart(policy, now=clock.now))
    add_members(northwind, 500)
    assert few == queries(lambda: progress.chart(policy, now=clock.now)) == 2
