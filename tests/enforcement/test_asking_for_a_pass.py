"""Asking for a pass: one open request per person, who hears of it, and what answers it."""

from datetime import datetime

import pytest

from accounts.models import Account, User
from enforcement import passes, policies
from enforcement.models import Pass, PassRequest
from tests.enforcement.kit import DAY, HOUR
from tests.enforcement.test_passes import grant, kinds
from tests.twofactor.people import Enrolled, enrol_app

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def test_asking_twice_is_one_request(dora: Enrolled, owner: User, now: datetime) -> None:
    first = passes.ask_for_pass(user=dora.user, message="Phone stolen", now=now)
    second = passes.ask_for_pass(user=dora.user, message="Really", now=now + HOUR)
    assert first == second
    asked = PassRequest.objects.get()
    assert (asked.message, asked.asked_at) == ("Really", now)
    passes.ask_for_pass(user=dora.user, message="", now=now + HOUR)
    assert PassRequest.objects.get().message == "Really"
    assert kinds(dora.user) == ["pass_asked"]
    assert kinds(owner) == ["pass_asked_admins"]


def test_a_grant_answers_the_request(dora: Enrolled, now: datetime) -> None:
    passes.ask_for_pass(user=dora.user, message="x", now=now)
    grant(dora.user, now=now + HOUR)
    assert PassRequest.objects.get().closed_at == now + HOUR


def test_set_up_answers_the_request(northwind: Account, ada: User, now: datetime) -> None:
    policies.switch_on(account=northwind, actor=None, now=now - 2 * DAY)
    passes.ask_for_pass(user=ada, message="x", now=now)
    enrol_app(ada, now=now + HOUR)
    assert PassRequest.objects.get().closed_at is not None


def test_an_endorsement_grants_nothing(dora: Enrolled, owner: User, now: datetime) -> None:
    asked = passes.ask_for_pass(user=dora.user, message="x", now=now)
    passes.endorse_request(asked=asked, actor=owner, message="It is Lou.", now=now)
    asked.refresh_from_db()
    assert (asked.endorsed_by, asked.endorsement) == (owner, "It is Lou.")
    assert not Pass.objects.exists()
