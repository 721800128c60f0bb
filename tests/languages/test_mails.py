"""Every mail and text in every language: whole, with the same links, whatever people are called."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from django.conf import settings
from django.core import mail as outgoing
from django.core.mail import EmailMultiAlternatives
from django.utils import translation
from pytest_django import Settings

from accounts import addresses, delivery, letters, mail, mail_names, memberships, wording
from accounts.alarms import Alarm
from accounts.mail import Kind
from accounts.models import Membership, Role, User
from enforcement import overview, styleguide
from enforcement.models import Policy
from enforcement.templatetags import lengths
from tests.factories import make_account, make_user
from twofactor import text_words, texts

NOW = datetime(2026, 11, 5, 12, tzinfo=UTC)
LANGUAGES = [code for code, _ in settings.LANGUAGES]
OTHERS = [code for code in LANGUAGES if code != "en"]
KINDS = mail.registered()
LINK = re.compile(r"http://testserver[^\s<>\"]*")
# What rows hold as values of people and machines; it stands in a mail as it is.
DATA = re.compile(
    r"\S+@\S+|fell into the sea|and the codes were on it|Firefox on Linux|Northwind Films"
)

each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


class Parts(NamedTuple):
    subject: str
    text: str
    html: str


def parts(message: EmailMultiAlternatives) -> Parts:
    return Parts(str(message.subject), str(message.body), styleguide.html_of(message))


def told(kind: Kind, language: str, **values: Any) -> Parts:
    with translation.override(language):
        return parts(styleguide.sample_mail(kind, now=NOW, **values))


def sentences(text: str) -> set[str]:
    """Return the sentences of three words and more, but for links and made-up values."""
    without = DATA.sub("", LINK.sub("", text))
    found = (" ".join(each.split()) for each in re.split(r"[.:;?!]\s|\n", without))
    return {each for each in found if len(re.findall(r"[A-Za-z]{2,}", each)) > 2}


def plain(html: str) -> str:
    return re.sub(r"<[^>]*>", "\n", re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL))


OTHER_WORDINGS: dict[str, list[dict[str, Any]]] = {
    "address_changed": [{"by_support": True}, {"old_address": "ada@northwind.example"}],
    "address_confirm": [{"account": ""}],
    "address_confirm_old": [{"account": ""}, {"account": "Northwind"}],
    "address_changed_owners": [{"actor_name": "our support"}],
    "advice_address": [{"domains": [], "actor_name": "the operator of this site"}],
    "alarm": [{"alarm": alarm.value} for alarm in Alarm],
    "code_used": [{"few": False}, {"left": 0}],
    "device_added": [{"method": "text message"}],
    "due_at_once": [{"is_ahead": False}, {"by_text": False}],
    "invitation_joined": [{"role": ""}],
    "membership_moved": [
        {"has_no_password": True},
        {"old_address": "a@b.example", "recipient": "a@b.example"},
    ],
    "password_reset": [{"is_first": True}],
    "mail_trouble": [{"addresses": []}],
    "pass_asked": [{"is_asked_for": True}],
    "pass_asked_admins": [
        {"is_asked_for": True},
        {"is_asked_elsewhere": True, "message": ""},
    ],
    "pass_revoked": [{"has_device": False, "actor_name": "the operator of this site"}],
    "pass_revoked_owners": [{"actor_name": "our support"}],
    "policy_support_switched": [{"is_on": False}],
    "provider_off": [{"is_ahead": False}, {"by_text": False}],
    "provider_changed": [
        {"what": what, "allow_creation": True, "is_required": True}
        for what in ("added", "replaced", "secret", "off", "cut_off")
    ],
    "reminder_12h": [
        {"is_as_owed": False},
        {"is_as_owed": False, "is_ahead": False},
        {"by_text": False},
    ],
    "reminder_1h": [
        {"is_as_owed": False},
        {"is_as_owed": False, "is_ahead": False},
        {"by_text": False},
    ],
    "reminder_asked": [{"is_ahead": False}, {"by_text": False}],
    "requirement_must_act": [{"is_ahead": False}, {"by_text": False}],
    "role_changed": [{"role": "owner", "old_role": "admin"}],
    "text_trouble": [{"trouble": texts.LIMIT_OF_ACCOUNT}, {"trouble": texts.LIMIT_OF_ADDRESS}],
}


@each_kind
def test_a_mail_is_whole_in_every_language(kind: Kind) -> None:
    for values in [{}, *OTHER_WORDINGS.get(kind.name, [])]:
        english = told(kind, "en", **values)
        of_ours = sentences(english.text) | sentences(plain(english.html))
        assert of_ours
        for language in OTHERS:
            found = told(kind, language, **values)
            left = of_ours & (sentences(found.text) | sentences(plain(found.html)))
            assert not left, (language, left)
            assert found.subject != english.subject
            assert f'lang="{language}"' in found.html


def test_a_mail_has_the_same_links_in_every_language_and_part() -> None:
    for kind in KINDS:
        links = set(LINK.findall(told(kind, "en").text))
        assert links, kind.name
        for language in LANGUAGES:
            found = told(kind, language)
            assert set(LINK.findall(found.text)) == links, (kind.name, language)
            assert set(LINK.findall(found.html)) == links, (kind.name, language)


def shape(text: str) -> list[str]:
    """Return what kind of line stands where: a paragraph, nothing, or a code that stands apart."""
    return [(line[:4].strip() and "words") or line[:4] for line in text.splitlines()]


def test_a_text_part_keeps_its_lines_in_every_language() -> None:
    """A paragraph is a line; what stands alone, such as a link or a code, stays alone."""
    for kind in KINDS:
        text = told(kind, "en").text
        assert not re.search(r" \n|\n{3}", text), kind.name
        lines = shape(text)
        for language in OTHERS:
            assert shape(told(kind, language).text) == lines, (kind.name, language)


BUTTON = re.compile(
    r'class="button" href="([^"]*)".*?<p class="address">\s*<a href="([^"]*)">(.*?)</a>', re.S
)


def test_a_mail_needs_nothing_from_elsewhere_and_bears_the_dark() -> None:
    for kind in KINDS:
        html = told(kind, "en").html
        assert not re.search(r"<img|<link|src=|url\(|@import", html), kind.name
        assert '<meta name="color-scheme" content="light dark">' in html
        assert "@media (prefers-color-scheme: dark)" in html


def test_each_button_has_its_plain_address_below() -> None:
    for kind in KINDS:
        html = told(kind, "en").html
        buttons = BUTTON.findall(html)
        assert len(buttons) == html.count('class="button"'), kind.name
        assert all(len({*each}) == 1 for each in buttons), kind.name


def test_a_list_of_mails_shows_what_it_is_about_but_no_code() -> None:
    for kind in KINDS:
        found = told(kind, "en")
        (shown,) = re.findall(r'<div class="preheader">(.*?)</div>', found.html)
        assert len(shown) > len("Hello Ada,"), kind.name
        assert not re.search(r"\d{6}", shown), kind.name


LONGEST_SUBJECT = 100
LONGEST_LINE = 998  # of RFC 5322


def test_a_subject_is_one_short_line_in_every_language() -> None:
    for kind in KINDS:
        for language in LANGUAGES:
            subject = told(kind, language).subject
            assert subject.isprintable(), (kind.name, language)
            assert len(subject) <= LONGEST_SUBJECT, (kind.name, subject)


NAMES = {
    "markup": 'A & B <b>"x"</b>',
    "as long as can be": "Wolf" * 50,
    "from right to left": "شركة النور للأفلام",
    "little pictures": "🎬👩🏽‍🚀 Söhne",
    "a header": "Ben\r\nBcc: evil@evil.example\r\n\r\nbody",
}
NAMED = mail_names.WRITTEN


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_no_name_breaks_a_mail(name: str) -> None:
    named = dict.fromkeys(NAMED, name)
    for kind in KINDS:
        with translation.override("de"):
            message = styleguide.sample_mail(kind, now=NOW, names=[name], **named)
        found = parts(message)
        assert "<b>" not in found.html, kind.name
        assert "\n" not in found.subject, kind.name
        assert len(found.subject) <= LONGEST_SUBJECT + 2 * mail_names.IN_A_SUBJECT, kind.name
        sent = message.message()
        assert sent["Bcc"] is None, kind.name
        assert max(map(len, sent.as_bytes().splitlines())) < LONGEST_LINE, kind.name


def test_a_name_from_right_to_left_turns_nothing_else_round() -> None:
    (kind,) = [each for each in KINDS if each.name == "role_changed"]
    found = told(kind, "en", account=NAMES["from right to left"])
    for part in found:
        assert f"\u2068{NAMES['from right to left']}\u2069" in part
    assert "\u2068" not in told(kind, "en", account="Söhne").text


def test_a_name_is_escaped_once_and_plain_in_the_text() -> None:
    (kind,) = [each for each in KINDS if each.name == "role_changed"]
    found = told(kind, "fr", account=NAMES["markup"], actor_name=NAMES["markup"])
    assert NAMES["markup"] in found.text
    assert "A &amp; B &lt;b&gt;&quot;x&quot;&lt;/b&gt;" in found.html
    assert "&amp;amp;" not in found.html


# Lengths, counts and instants.

DAYS = {
    "en": ("within 1 day:", "within 3 days:"),
    "de": ("innerhalb von 1 Tag:", "innerhalb von 3 Tagen:"),
    "fr": ("délai de 1 jour\xa0:", "délai de 3 jours\xa0:"),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_count_has_the_form_of_its_number(language: str) -> None:
    (kind,) = [each for each in KINDS if each.name == "codes_made"]
    found = []
    for days in (1, 3):
        with translation.override(language):
            counted = replace(kind, not_me_for=timedelta(days=days))
            found.append(parts(styleguide.sample_mail(counted, now=NOW)).text)
    for words, text in zip(DAYS[language], found, strict=True):
        assert words in text


PASSES = {
    ("en", 28800): "an 8-hour pass",
    ("de", 86400): "einen 24-Stunden-Pass",
    ("de", 28800): "einen 8-Stunden-Pass",
    ("fr", 3600): "un laissez-passer de 1 heure",
    ("fr", 28800): "un laissez-passer de 8 heures",
    ("fr", 120): "un laissez-passer de 2 minutes",
}


@pytest.mark.parametrize(("language", "seconds"), PASSES)
def test_the_length_of_a_pass_is_told_in_each_language(
    language: str, seconds: int, settings: Settings
) -> None:
    settings.TWO_FACTOR_PASS = timedelta(seconds=seconds)
    with translation.override(language):
        assert lengths.a_pass() == PASSES[language, seconds]


LEFT = {
    timedelta(hours=24) - timedelta(seconds=5): ("24 hours", "24 Stunden", "24 heures"),
    timedelta(hours=1, minutes=29): ("89 minutes", "89 Minuten", "89 minutes"),
    timedelta(seconds=119): ("1 minute", "1 Minute", "1 minute"),
    timedelta(seconds=3): ("1 minute", "1 Minute", "1 minute"),
}


@pytest.mark.parametrize(("left", "words"), LEFT.items(), ids=str)
def test_a_subject_says_how_much_time_is_left(left: timedelta, words: tuple[str, ...]) -> None:
    (kind,) = [each for each in KINDS if each.name == "requirement_must_act"]
    for language, expected in zip(LANGUAGES, words, strict=True):
        subject = told(kind, language, deadline=(NOW + left).isoformat()).subject
        assert "Northwind Films" in subject
        assert expected in subject


INSTANTS = {
    "en": "Friday, 6 November 2026, 09:30:00 +14 (Pacific/Kiritimati; 5 November, 19:30:00 UTC)",
    "de": (
        "Freitag, 6. November 2026 um 09:30:00 Uhr +14"
        " (Pacific/Kiritimati; 5. November um 19:30:00 Uhr UTC)"
    ),
    "fr": (
        "vendredi 6 novembre 2026 à 09:30:00 +14"
        " (Pacific/Kiritimati\xa0; 5 novembre à 19:30:00 UTC)"
    ),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_instant_is_told_in_zone_and_language(language: str) -> None:
    instant = datetime(2026, 11, 5, 19, 30, tzinfo=UTC)
    zone = letters.zone_of(User(time_zone="Pacific/Kiritimati"))
    with translation.override(language):
        assert letters.told_in(instant, zone) == INSTANTS[language]


@pytest.mark.django_db
def test_a_new_mailbox_is_written_to_as_its_person_reads() -> None:
    ada = make_user(language="de", time_zone="Europe/Berlin")
    addresses.ask(user=ada, email="ada@new.example", needs_both=True, now=NOW)
    delivery.send_due(now=NOW)
    assert {message.to[0] for message in outgoing.outbox} == {"ada@new.example", ada.email}
    for message in outgoing.outbox:
        assert "Postfach" in message.body or "alten Adresse" in message.body
        assert "Europe/Berlin" in message.body


@pytest.mark.django_db
def test_what_is_owed_in_one_language_is_told_in_anothers() -> None:
    owner, ada = make_user(name="Olga", language="fr"), make_user(language="de")
    account = make_account(owner=owner)
    membership = Membership.objects.create(account=account, user=ada, joined_at=NOW)
    with translation.override("fr"):
        memberships.change_role(membership=membership, role=Role.ADMIN, actor=owner, now=NOW)
    delivery.send_due(now=NOW)
    (message,) = outgoing.outbox
    assert "bisher Mitglied, jetzt Administrator" in message.body


ACTED = {
    "en": ("the operator of this site", "our support"),
    "de": ("den Betreibern dieser Website", "unserem Support"),
    "fr": ("l'exploitant de ce site", "notre assistance"),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_late_mail_tells_of_no_time_that_is_left(language: str) -> None:
    (kind,) = [each for each in KINDS if each.name == "requirement_must_act"]
    subject = told(kind, language, deadline=NOW.isoformat()).subject
    assert "Northwind Films" in subject
    assert not re.search(r"\d", subject)


@pytest.mark.parametrize("language", LANGUAGES)
def test_who_acted_is_told_in_the_readers_language(language: str) -> None:
    """Also by a page, which tells the same words."""
    with translation.override(language):
        by_nobody = overview.starter_of(Policy(started_by=None))
        by_support = overview.starter_of(Policy(started_by=User(is_staff=True)))
    assert (by_nobody, by_support) == ACTED[language]


def test_a_row_of_an_earlier_release_is_told_all_the_same() -> None:
    """It kept labels for codes, and of an alarm the text alone."""
    kept = {"role": "Admin", "method": "pigeon", "alarm": "failed_tries", "alarm_text": "Much."}
    with translation.override("de"):
        found = wording.told(kept)
    assert found == {"role": "Administrator", "method": "pigeon", "alarm_text": "Much."}


# Texts.

TEXTS = {
    "en": "Gatehouse: your code is 012345",
    "de": "Gatehouse: Ihr Code lautet 012345",
    "fr": "Gatehouse : votre code est 012345",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_is_one_message_in_its_readers_language(language: str, settings: Settings) -> None:
    settings.BASE_URL = "https://gatehouse.example/two"
    with translation.override("en"):
        body = text_words.body("012345", reader=User(language=language))
    assert body == f"{TEXTS[language]}\n\n@gatehouse.example #012345"
    assert text_words.is_one_message(body)
    assert set(body) <= set(text_words.ONE_PLACE)


def test_only_a_site_with_https_binds_a_code_to_itself(settings: Settings) -> None:
    settings.BASE_URL = "http://gatehouse.example"
    assert text_words.body("012345", reader=User(language="en")) == TEXTS["en"]


@pytest.mark.parametrize("issuer", ["Gatehouse " * 6, "Врата " * 5], ids=["long", "cyrillic"])
def test_a_long_text_goes_out_without_the_line_for_phones(issuer: str, settings: Settings) -> None:
    settings.BASE_URL = f"https://{'long.' * 20}gatehouse.example"
    settings.TWO_FACTOR_ISSUER = issuer.strip()
    body = text_words.body("012345", reader=User(language="en"))
    assert body == f"{issuer.strip()}: your code is 012345"
    assert text_words.is_one_message(body)


def test_letters_beyond_the_plain_ones_take_their_room() -> None:
    assert text_words.is_one_message("ä" * 160)
    assert not text_words.is_one_message("a" * 161)
    assert text_words.is_one_message("€" * 80)
    assert not text_words.is_one_message("€" * 81)
    assert text_words.is_one_message("ж" * 70)
    assert not text_words.is_one_message("🎬" * 36)
