"""Which language a page is in: the person's own, else one that the browser asks for."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from accounts import invitations, letters, mail
from accounts.models import Invitation, Notice, Role, User
from tests.enforcement.kit import PAGE, sign_in
from tests.factories import make_account, make_user

pytestmark = pytest.mark.django_db


def language_of(page: Any) -> str:
    """Return the language a page says it is in; its headers must say the same."""
    found = re.search(r'<html[^>]* lang="([a-z-]+)"', page.content.decode())
    assert found is not None
    assert page.headers["Content-Language"] == found[1]
    assert "Accept-Language" in page.headers["Vary"]
    return found[1]


BROWSERS = {
    "": "en",
    "de": "de",
    "de-AT,de;q=0.9,en;q=0.5": "de",
    "fr-CA": "fr",
    "it,fr;q=0.5,de;q=0.3": "fr",
    "it": "en",
    "*": "en",
    "de;q=x,,": "en",
}


@pytest.mark.parametrize(("accepted", "language"), BROWSERS.items())
@pytest.mark.parametrize("path", ["/login/", "/nowhere/"])
def test_a_stranger_is_answered_as_the_browser_asks(
    path: str, accepted: str, language: str, client: Client
) -> None:
    page = client.get(path, headers={"accept-language": accepted})
    assert language_of(page) == language


@pytest.mark.parametrize("path", ["/", "/settings/", "/nowhere/"])
def test_a_person_is_answered_in_the_language_of_the_settings(path: str) -> None:
    client = sign_in(make_user(language="fr"))
    page = client.get(path, headers={**PAGE, "accept-language": "de"}, follow=True)
    assert language_of(page) == "fr"


def test_what_the_settings_say_counts_from_the_next_page() -> None:
    client = sign_in(make_user(language="fr"))
    form = {"name": "Ada", "language": "de", "time_zone": "Europe/Berlin"}
    assert language_of(client.post("/settings/", form, follow=True)) == "de"
    assert User.objects.get().language == "de"


def test_a_language_that_is_no_longer_spoken_is_english() -> None:
    assert language_of(sign_in(make_user(language="tlh")).get("/settings/")) == "en"


def test_answers_for_machines_are_the_same_for_all(client: Client) -> None:
    answer = client.get("/health/live", headers={"accept-language": "de"})
    assert "Content-Language" not in answer.headers
    assert "Accept-Language" not in answer.headers.get("Vary", "")


def test_a_file_for_programs_is_in_no_language_of_its_reader() -> None:
    owner = make_user(language="de")
    account = make_account(owner=owner)
    path = reverse("admin:accounts_account_export", args=[account.pk, "csv"])
    file: Any = sign_in(owner).post(path)
    assert "Content-Language" not in file.headers
    assert b"has not set up yet" in b"".join(file.streaming_content)


def test_nothing_of_it_is_left_for_the_next_request(client: Client) -> None:
    client.get("/login/", headers={"accept-language": "de"})
    assert translation.get_language() == "en"


def test_a_forged_form_is_refused_in_the_language_of_its_reader() -> None:
    client = sign_in(make_user(language="de"))
    client.handler.enforce_csrf_checks = True
    refused = client.post("/settings/", {})
    assert refused.status_code == 403
    assert language_of(refused) == "de"


def invited_by(inviter: User) -> Invitation:
    account = make_account(owner=inviter)
    return invitations.invite(
        account=account,
        email="new@northwind.example",
        role=Role.MEMBER,
        actor=inviter,
        now=timezone.now(),
    )


def test_who_accepts_an_invitation_keeps_the_language_of_the_browser(client: Client) -> None:
    made = invited_by(make_user(language="fr"))
    path = invitations.link_of(made.pk).removeprefix("http://testserver")
    form = {"name": "Ada", "password": "correct horse battery staple"}
    client.post(path, form, headers={**PAGE, "accept-language": "de-CH"})
    assert User.objects.get(email="new@northwind.example").language == "de"


def test_who_has_no_sign_in_yet_is_written_to_in_the_language_of_the_inviter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    invited_by(make_user(language="fr"))
    notice = Notice.objects.get(kind="invitation")
    spoken: list[str | None] = []

    def render(*args: object) -> str:
        spoken.append(translation.get_language())
        return "Words"

    monkeypatch.setattr(letters, "render_to_string", render)
    kind = mail.kind_of(notice)
    assert kind is not None
    letters.build(notice, kind, now=timezone.now())
    assert set(spoken) == {"fr"}


def test_a_stranger_chooses_a_language_and_stays_on_the_page(client: Client) -> None:
    choice = {"language": "fr", "next": "/password/reset/?a=b"}
    chosen = client.post("/language/", choice, headers={"accept-language": "de"})
    assert chosen.headers["Location"] == "/password/reset/?a=b"
    page = client.get("/password/reset/", headers={"accept-language": "de"})
    assert language_of(page) == "fr"
    current = re.findall(r'value="(\w\w)"\s+lang="\w\w" aria-current', page.content.decode())
    assert current == ["fr"]


@pytest.mark.parametrize(
    "next_url", ["https://evil.example/", "//evil.example/", "/\\evil.example"]
)
def test_the_choice_leads_to_no_other_site(next_url: str, client: Client) -> None:
    chosen = client.post("/language/", {"language": "fr", "next": next_url})
    assert chosen.headers["Location"] == "/"


@pytest.mark.parametrize("language", ["", "xx", "../de"])
def test_what_is_not_spoken_is_no_choice(language: str, client: Client) -> None:
    client.post("/language/", {"language": language})
    assert language_of(client.get("/login/", headers={"accept-language": "de"})) == "de"


def test_a_link_chooses_nothing(client: Client) -> None:
    assert client.get("/language/", {"language": "fr"}).status_code == 405


def test_a_new_language_is_confirmed_in_itself() -> None:
    client = sign_in(make_user(language="en"))
    given = {"name": "Ada", "language": "de", "time_zone": "UTC"}
    page = client.post("/settings/", given, follow=True, headers=PAGE)
    assert [str(message) for message in page.context["messages"]] == ["Gespeichert."]


def test_a_person_s_own_language_wins() -> None:
    client = sign_in(make_user(language="de"))
    client.post("/language/", {"language": "fr"})
    assert language_of(client.get("/settings/", headers=PAGE)) == "de"
    assert 'action="/language/"' not in client.get("/settings/").content.decode()
