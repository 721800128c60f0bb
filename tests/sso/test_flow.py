"""The way there and back: one state, one browser, one provider, once, within ten minutes (S47)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts import oidc, providers, sso_attempts
from accounts.audit import Event
from accounts.models import AuditEvent, Provider, SSOAttempt, User
from tests.factories import PASSWORD, make_user
from tests.services.idp import Idp
from tests.sso.kit import House, check_refused, is_signed_in, known_ada, refusals, signed_in_as

pytestmark = [pytest.mark.django_db, pytest.mark.proves("S47")]


def test_the_provider_is_asked_for_a_code_with_all_that_ties_it(northwind: House) -> None:
    asked = parse_qs(urlsplit(northwind.leave()).query)
    assert asked["response_type"] == ["code"]
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["redirect_uri"] == ["http://testserver/sso/northwind/callback/"]
    # 128 bits and more, all different, and none of them in the row.
    ties = [asked[name][0] for name in ("state", "nonce", "code_challenge")]
    assert len(set(ties)) == 3
    assert all(len(tie) >= 32 for tie in ties)
    row = SSOAttempt.objects.get()
    assert not set(ties) & {str(value) for value in vars(row).values()}


def test_without_a_state_nobody_comes_in(northwind: House) -> None:
    known_ada(northwind)
    answer = northwind.come_back(state="")
    check_refused(answer, northwind.client, code="state_unknown")


def test_a_state_that_was_never_given_is_refused(northwind: House) -> None:
    known_ada(northwind)
    check_refused(northwind.come_back(state="x" * 43), northwind.client, code="state_unknown")


def test_an_answer_is_good_once(northwind: House) -> None:
    known_ada(northwind)
    back = northwind.idp.authorize(northwind.leave())
    assert northwind.client.get(back).status_code == 302
    northwind.client.post("/logout/")
    check_refused(northwind.client.get(back), northwind.client, code="state_used")


def test_an_answer_of_another_browser_is_refused(northwind: House) -> None:
    """Login CSRF: what an attacker began, and had answered, signs nobody else in as them."""
    known_ada(northwind)
    attacker, victim = Client(), Client()
    back = northwind.idp.authorize(northwind.leave(attacker))
    check_refused(victim.get(back), victim, code="state_of_other_browser")
    victim.get(northwind.start_url)  # who has a mark of their own is no better off
    assert victim.get(back).status_code == 403
    assert not is_signed_in(victim)


@pytest.mark.parametrize(("seconds", "status"), [(599, 302), (600, 403)])
def test_an_answer_is_good_for_ten_minutes(seconds: int, status: int, northwind: House) -> None:
    known_ada(northwind)
    start = timezone.now()
    with time_machine.travel(start, tick=False) as clock:
        url = northwind.leave()
        clock.shift(timedelta(seconds=seconds))
        answer = northwind.client.get(northwind.idp.authorize(url))
    assert answer.status_code == status
    assert refusals() == ([] if status == 302 else ["state_late"])


def test_a_code_that_was_got_for_another_way_is_refused(northwind: House) -> None:
    """The attacker's code in the victim's own way: PKCE and nonce belong to another."""
    known_ada(northwind)
    stolen = parse_qs(urlsplit(northwind.idp.authorize(northwind.leave(Client()))).query)["code"]
    check_refused(northwind.come_back(code=stolen[0]), northwind.client, code="code_code")


def test_a_code_without_its_challenge_is_caught_by_the_nonce(northwind: House) -> None:
    """A provider that forgets PKCE is still held to the nonce."""
    known_ada(northwind)
    other = Client()
    stolen = parse_qs(urlsplit(northwind.idp.authorize(northwind.leave(other))).query)["code"][0]
    northwind.idp.checks_challenge = False
    check_refused(northwind.come_back(code=stolen), northwind.client, code="claims_nonce")


@pytest.mark.parametrize("bent", [{"code_challenge": ""}, {"code_challenge_method": "plain"}])
def test_a_way_whose_challenge_was_stripped_or_made_plain_ends_nowhere(
    bent: dict[str, str], northwind: House
) -> None:
    known_ada(northwind)
    url = northwind.leave()
    for name, value in bent.items():
        kept = parse_qs(urlsplit(url).query)[name][0]
        url = url.replace(f"{name}={kept}", f"{name}={value}")
    answer = northwind.client.get(northwind.idp.authorize(url))
    check_refused(answer, northwind.client, code="code_code")


def test_what_the_provider_calls_an_error_is_a_page(northwind: House) -> None:
    answer = northwind.come_back(code="", error="access_denied")
    check_refused(answer, northwind.client, code="answer_error")
    assert "access_denied" not in answer.content.decode()


def test_a_session_is_another_after_the_callback(northwind: House) -> None:
    """Session fixation: what was known of the session before is worth nothing."""
    known_ada(northwind)
    fixed = Client()
    session = fixed.session
    session["planted"] = "yes"
    session.save()
    fixed.cookies["gatehouse_session"] = session.session_key or ""
    northwind.come_back(fixed)
    assert is_signed_in(fixed)
    assert fixed.session.session_key != session.session_key
    assert "planted" not in fixed.session
    thief = Client()
    thief.cookies["gatehouse_session"] = session.session_key or ""
    assert not is_signed_in(thief)


@pytest.mark.parametrize(
    ("wanted", "led"),
    [
        ("/settings/security/", "/settings/security/"),
        ("https://evil.example/", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/\t/evil.example", "/"),
    ],
)
@pytest.mark.proves("S55")
def test_the_way_ends_on_this_site(wanted: str, led: str, northwind: House) -> None:
    known_ada(northwind)
    url = northwind.leave(next_url=wanted)
    answer = northwind.client.get(northwind.idp.authorize(url))
    assert answer["Location"] == led


def test_a_planted_next_in_the_row_leads_nowhere_either(northwind: House) -> None:
    known_ada(northwind)
    url = northwind.leave()
    SSOAttempt.objects.update(next="https://evil.example/")
    assert northwind.client.get(northwind.idp.authorize(url))["Location"] == "/"


def test_answers_that_let_nobody_in_are_limited_by_address(northwind: House) -> None:
    known_ada(northwind)
    for _ in range(10):
        assert northwind.client.get(f"{northwind.start_url}callback/").status_code == 403
    answer: Any = northwind.come_back()
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 0
    assert len(refusals()) == 10
    assert not is_signed_in(northwind.client)


def test_an_outcome_that_stays_open_counts_against_nobody(northwind: House) -> None:
    known_ada(northwind)
    for _ in range(12):
        northwind.come_back()
        northwind.client.post("/logout/")
    assert refusals() == []
    assert AuditEvent.objects.filter(event=Event.SIGNED_IN).count() == 12


def test_old_ways_are_forgotten(northwind: House) -> None:
    northwind.leave()
    now = timezone.now()
    sso_attempts.forget_old(now=now + timedelta(minutes=9))
    assert SSOAttempt.objects.count() == 1
    sso_attempts.forget_old(now=now + timedelta(minutes=10))
    assert not SSOAttempt.objects.exists()


def test_a_key_that_was_rotated_meanwhile_does_no_harm(northwind: House, settings: Any) -> None:
    ada = known_ada(northwind)
    url = northwind.leave()
    settings.FIELD_KEYS = ["a-newer-field-key-of-more-than-32-bytes", *settings.FIELD_KEYS]
    northwind.client.get(northwind.idp.authorize(url))
    assert signed_in_as(northwind.client) == ada.email


def test_a_way_through_a_provider_that_was_switched_off_ends(northwind: House) -> None:
    known_ada(northwind)
    back = northwind.idp.authorize(northwind.leave())
    northwind.provider.off_at = timezone.now()
    northwind.provider.save()
    check_refused(northwind.client.get(back), northwind.client, code="provider_off")
    refused: Any = northwind.client.get(northwind.start_url)
    assert refused.status_code == 403
    assert "again, or sign in with your password" not in refused.content.decode()


@pytest.mark.parametrize("end", ["switched off", "cut off", "deleted"])
@pytest.mark.parametrize("is_known", [False, True])
def test_who_comes_back_just_as_the_provider_ends_is_refused_and_not_made(
    northwind: House, monkeypatch: pytest.MonkeyPatch, end: str, is_known: bool
) -> None:
    """It ends while its token end point is asked, which may take seconds."""
    if is_known:
        known_ada(northwind)
    people, ask = User.objects.count(), oidc.claims_of
    how: dict[str, Any] = {"actor": make_user(is_staff=True), "reason": "x", "now": timezone.now()}
    ends: dict[str, Callable[[], object]] = {
        "switched off": lambda: providers.switch_off(provider=northwind.provider, **how),
        "cut off": lambda: providers.cut_off(provider=northwind.provider, **how),
        "deleted": lambda: Provider.objects.all().delete(),
    }

    def ask_and_end(*given: Any, **more: Any) -> Any:
        claims = ask(*given, **more)
        ends[end]()
        return claims

    monkeypatch.setattr(oidc, "claims_of", ask_and_end)
    check_refused(northwind.come_back(), northwind.client, code="provider_off")
    assert User.objects.count() == people + 1  # support alone


def test_a_provider_that_never_was_is_no_page() -> None:
    assert Client().get("/sso/nowhere/").status_code == 404
    assert Client().get("/sso/nowhere/callback/").status_code == 404


def test_two_ways_of_one_browser_do_not_disturb_each_other(northwind: House) -> None:
    ada = known_ada(northwind)
    first, second = northwind.leave(next_url="/settings/"), northwind.leave()
    northwind.client.get(northwind.idp.authorize(second))
    answer = northwind.client.get(northwind.idp.authorize(first))
    assert answer["Location"] == "/settings/"
    assert signed_in_as(northwind.client) == ada.email


def test_the_idp_plays_by_the_rules(northwind: House) -> None:
    """The stand-in itself refuses a wrong secret, so that ours is known to be sent."""
    assert isinstance(northwind.idp, Idp)
    northwind.provider.seal_client_secret("another")
    northwind.provider.save()
    check_refused(northwind.come_back(), northwind.client, code="code_code")


def test_who_is_signed_in_is_told_that_the_session_goes_on(northwind: House) -> None:
    person = known_ada(northwind)
    northwind.client.post("/login/", {"email": person.email, "password": PASSWORD})
    assert is_signed_in(northwind.client)
    page = northwind.come_back(state="").content.decode()
    assert "Not signed in" not in page
    assert "you stay signed in as before" in page
    assert 'href="/login/"' not in page
