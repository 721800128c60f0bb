"""Pages in German and French: nothing of the source is left in them, neither text nor error."""

import html
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from django.core.cache import cache as stored
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEvent
from deploy import messages
from enforcement import policies
from tests.enforcement.desk import account_page, person_page, requirement_page, support_browser
from tests.enforcement.kit import PAGE, enrolled_person, sign_in, sign_in_with_code
from tests.factories import make_account, make_user
from tests.journeys.clock import Clock, stopped_clock

pytestmark = pytest.mark.django_db

every_language = pytest.mark.parametrize("language", messages.LANGUAGES)
VALUE = re.compile(r"%\(\w+\)[sd]|\{\w+\}|<[^>]*>|%d")
TAG = re.compile(r"<(script|style|pre)\b.*?</\1>|<[^>]*>", re.DOTALL)
SAID = re.compile(r'\b(?:aria-label|data-label|title|placeholder)="([^"]*)"')
WORDS = 2  # single words may be the same in both, or a name


@pytest.fixture
def clock() -> Iterator[Clock]:
    stored.clear()
    with stopped_clock() as clock:
        yield clock


@cache
def source_texts(language: str) -> list[str]:
    """Return the pieces of English texts that the language says in another way."""
    found = set()
    for folder in messages.FOLDERS:
        for each in messages.read(folder, language):
            given = [each.id] if isinstance(each.id, str) else list(each.id)
            said = each.string if isinstance(each.string, str) else " ".join(each.string or ())
            for piece in (part.strip(" .,:;?!()") for text in given for part in VALUE.split(text)):
                if len(piece.split()) >= WORDS and piece not in said:
                    found.add(" ".join(piece.split()))
    return sorted(found)


def english_in(page: Any, language: str) -> list[str]:
    source = page.content.decode()
    shown = f" {TAG.sub(' | ', source)} | {' | '.join(SAID.findall(source))} "
    text = " ".join(html.unescape(shown).split())
    found = (each for each in source_texts(language) if each in text)
    return [each for each in found if re.search(rf"\b{re.escape(each)}\b", text)]


def english_on(client: Client, paths: list[str], language: str) -> dict[str, list[str]]:
    """Return what is left in English, by page."""
    headers = {**PAGE, "accept-language": language}
    pages = {path: client.get(path, headers=headers, follow=True) for path in paths}
    assert {page.status_code for page in pages.values()} <= {200, 404, 410}
    found = {path: english_in(page, language) for path, page in pages.items()}
    return {path: left for path, left in found.items() if left}


@every_language
def test_a_stranger_reads_no_english(language: str, clock: Clock) -> None:
    client = Client(headers={**PAGE, "accept-language": language})
    paths = ["/login/", "/password/reset/", "/password/reset/done/", "/nowhere/", "/not-me/x/"]
    assert english_on(client, paths, language) == {}
    wrong = client.post("/login/", {"email": "ada@northwind.example", "password": "wrong"})
    assert english_in(wrong, language) == []
    empty = client.post("/login/", {})
    assert english_in(empty, language) == []


@every_language
def test_whoever_sets_up_reads_no_english(language: str, clock: Clock) -> None:
    ada = make_user("ada@northwind.example", language=language)
    account = make_account("northwind", members=(ada,))
    clock.forward(hours=1)
    policies.switch_on(account=account, actor=None, now=clock.now)
    client = sign_in(ada)
    paths = ["/", "/two-factor/setup/", "/two-factor/setup/text/", "/settings/security/"]
    assert english_on(client, paths, language) == {}


@every_language
def test_whoever_is_set_up_reads_no_english(language: str, clock: Clock) -> None:
    enrolled = enrolled_person(language=language)
    half_way = sign_in(enrolled.user)
    wrong = half_way.post("/login/verify/", {"code": "12"})
    assert english_in(wrong, language) == []
    assert english_on(half_way, ["/login/verify/", "/login/recovery/"], language) == {}
    client = sign_in_with_code(enrolled)
    paths = ["/settings/", "/settings/email/", "/settings/password/", "/settings/delete/"]
    paths += ["/settings/security/", "/two-factor/backup-codes/", "/two-factor/setup/"]
    assert english_on(client, paths, language) == {}
    codes = client.post("/two-factor/backup-codes/", {"new": "on"})
    assert codes.status_code == 200
    assert english_in(codes, language) == []


@every_language
def test_an_owner_reads_no_english(language: str, clock: Clock) -> None:
    owner = make_user("owner@northwind.example", language=language)
    account = make_account("northwind", owner=owner, members=(make_user(),))
    clock.forward(hours=1)
    client = sign_in(owner)
    paths = [f"/accounts/{account.slug}/", "/admin/", account_page(account)]
    paths += [requirement_page(account), reverse("admin:accounts_user_changelist")]
    assert english_on(client, paths, language) == {}
    policies.switch_on(account=account, actor=owner, now=clock.now)
    paths += [reverse("admin:accounts_auditevent_changelist")]
    assert english_on(client, paths, language) == {}


@every_language
def test_support_reads_no_english(language: str, clock: Clock) -> None:
    ada = make_user("ada@northwind.example")
    make_account("northwind", members=(ada,))
    client = support_browser(language=language)
    actions = ("change", "pass", "reset", "sign_out", "address", "deactivate")
    paths = ["/admin/", *(person_page(ada, action) for action in actions)]
    paths += [
        reverse(f"admin:accounts_{name}_changelist")
        for name in ("account", "user", "notice", "auditevent")
    ]
    assert english_on(client, paths, language) == {}
    refused = client.post(person_page(ada, "pass"), {"reason": "She called."})
    assert english_in(refused, language) == []
    after = AuditEvent.objects.get(event="pass_refused").after or {}
    assert after["why"] == "Nothing asks this person for a second factor."


def test_the_search_finds_english(client: Client) -> None:
    assert "Forgot your password" in english_in(client.get("/login/"), "de")
