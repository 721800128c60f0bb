"""People, owners and support at random, and that the machine would notice a leak."""

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from accounts import sessions
from accounts.models import Provider
from enforcement import decision, entrance, reader, visitor
from enforcement.decision import Obligation, Step
from tests.machine.people import Machine

pytestmark = pytest.mark.django_db
READ_SSO = reader.read_sso


SEEDS = {
    "nothing yet": 27,
    "required": 12,
    "nearly due": 26,
    "on a pass": 4,
    "a pass nearly over": 5,
    "through a provider": 6,
}
EXAMPLES, USUAL = {"required": 5}, 4
# Together, each thing that people do; what is rare is demanded of the histories that come to it.
REACHED = {
    "nothing yet": {"came in by a backup code", "set up by app", "added or replaced by text"},
    "required": {"membership_moved", "joined", "left by the page", "left", "two_factor_reset"},
    "nearly due": {"set up by text", "policy_off", "email_changed", "added or replaced by app"},
    "on a pass": {"email_changed", "provider_off", "policy_off", "invited"},
    "a pass nearly over": {"membership_moved", "member_removed", "pass_granted", "set up by app"},
    "through a provider": {"an account's page: 200", "an account's page: 403"},
}


def live(examples: int, start: str, *, steps: int = 16) -> None:
    """Live through histories that differ with ``start``, each time the same ones."""
    Machine.start = start
    run_state_machine_as_test(
        seed(SEEDS[start])(Machine),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            phases=[Phase.generate],  # to shrink a failure takes minutes: add it by hand
            deadline=None,
            database=None,
            print_blob=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("start", SEEDS)
def test_whatever_people_do_the_rules_hold(start: str) -> None:
    live(EXAMPLES.get(start, USUAL), start)
    missed = REACHED[start] - set(Machine.happened)
    assert not missed, "what these histories are there for"


def without(step: Step) -> Any:
    """A decision that lets pass where it should have said ``step``."""

    def decide(standing: Any, *, now: Any) -> Obligation:
        found = decision.decide(standing, now=now)
        return Obligation(Step.PROCEED) if found.step is step else found

    return decide


def of_the_person(user_id: int, passed: Any) -> Any:
    """As ``read_sso``, but of every provider that knows the person, whatever was passed."""
    known = Provider.objects.live().filter(identities__user=user_id)
    return READ_SSO(user_id, [*known.values_list("pk", flat=True)])


def refuse_all(standing: Any, *, now: Any) -> Obligation:
    return Obligation(Step.PASS_ENDED)


LEAKS = {
    "deadlines pass and nobody notices": (
        "nearly due",
        [(visitor, "decide", without(Step.ENROL_NOW))],
    ),
    "a password alone lets in whoever is enrolled": (
        "required",
        [
            (entrance, "decide", without(Step.CODE_NEEDED)),
            (visitor, "decide", without(Step.CODE_NEEDED)),
        ],
    ),
    "a pass never ends": (
        "a pass nearly over",
        [
            (visitor, "decide", without(Step.PASS_ENDED)),
            (sessions, "renew_stamp", lambda *args, **kwargs: 0),
        ],
    ),
    "an exemption sticks to the person": (
        "through a provider",
        [(reader, "read_sso", of_the_person)],
    ),
    "sign-in leads nowhere": ("nothing yet", [(entrance, "decide", refuse_all)]),
}


@pytest.mark.parametrize(("start", "leak"), LEAKS.values(), ids=LEAKS)
def test_the_machine_finds(start: str, leak: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, leaky in leak:
        monkeypatch.setattr(module, name, leaky)
    with pytest.raises(AssertionError):
        live(20, start)
