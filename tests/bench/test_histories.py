"""The model check of `make proof`, in small, and that it would notice."""

from typing import Any

import pytest

from accounts import sessions
from accounts.models import Provider, User
from bench.proof import model_check
from bench.proof.histories import Difference
from enforcement import decision, entrance, reader, visitor
from enforcement.standing import Facts
from tests.rulebook import Answer

pytestmark = pytest.mark.django_db
READ_SSO = reader.read_sso


def test_the_gate_agrees_with_the_rules_in_random_histories() -> None:
    outcome = model_check.run(60)
    assert outcome.histories == 60
    assert set(outcome.answers) == set(Answer)


def renew_nothing(*args: Any, **kwargs: Any) -> int:
    return 0


def person_of_now(request: Any, pending: Any) -> User | None:
    """As ``entrance.load_person``, but content with whatever stamp the person has by now."""
    person = User.objects.filter(pk=pending.user_id, is_active=True).first()
    request.pending_user = person
    return person


def never_ran_out(standing: Any, *, now: Any) -> Any:
    return decision.decide(replaced(standing, pass_ran_out=False), now=now)


def replaced(standing: Any, **values: Any) -> Any:
    return decision.Standing(
        **{name: values.get(name, getattr(standing, name)) for name in standing.__slots__}
    )


def of_the_person(user_id: int, passed: Any) -> Any:
    """As ``read_sso``, but of every provider that knows the person, whatever was passed."""
    known = Provider.objects.live().filter(identities__user=user_id)
    return READ_SSO(user_id, [*known.values_list("pk", flat=True)])


LEAKS = {
    "the exemption sticks to the person": (reader, "read_sso", of_the_person),
    "a pass is revoked without renewing the stamp": (sessions, "renew_stamp", renew_nothing),
    "a stale sign-in goes on under the stamp of now": (entrance, "load_person", person_of_now),
    "a pass that ran out is forgotten at sign-in": (entrance, "decide", never_ran_out),
    "signing out everywhere leaves the sessions": (sessions, "end_everything", renew_nothing),
    "facts not asked for are taken for nothing": (
        visitor,
        "facts_of",
        lambda person: Facts(has_device=False, due_at=None, pass_ran_out=False),
    ),
}


@pytest.mark.parametrize(("module", "name", "leaky"), LEAKS.values(), ids=LEAKS)
def test_the_model_check_finds(
    module: Any, name: str, leaky: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, name, leaky)
    with pytest.raises(Difference):
        model_check.run(600)
