"""Every word for people is translated: the files are those of the sources, whole and compiled."""

import re
from functools import cache
from typing import Any

import pytest
from babel.messages.catalog import Catalog, Message
from django.conf import settings
from django.utils import translation
from django.utils.translation import ngettext

from accounts import audit_names, mail
from accounts.audit import Event
from deploy import messages

FILES = [(folder, language) for folder in messages.FOLDERS for language in messages.LANGUAGES]
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w+\}|%%|%[sd]")
TAG = re.compile(r"</?\w+[^>]*>")

every_file = pytest.mark.parametrize(("folder", "language"), FILES)


@cache
def updated(folder: str, language: str) -> Catalog:
    return messages.updated(folder, language)


def texts(part: messages.Text | None) -> list[str]:
    return [part] if isinstance(part, str) else list(part or ())


def told(folder: str, language: str) -> list[Message]:
    return [each for each in updated(folder, language) if each.id]


def test_each_language_that_can_be_chosen_is_gathered() -> None:
    assert {*messages.LANGUAGES, settings.LANGUAGE_CODE} == set(dict(settings.LANGUAGES))


@every_file
def test_the_file_has_the_texts_of_the_sources(folder: str, language: str) -> None:
    """``make messages`` brings it up to date."""
    written = messages.po_file(folder, language).read_text()
    assert messages.as_po(updated(folder, language)).decode() == written


@every_file
def test_no_text_is_left_untranslated(folder: str, language: str) -> None:
    assert messages.missing(updated(folder, language)) == []


@every_file
def test_what_is_compiled_is_what_is_written(folder: str, language: str) -> None:
    compiled = messages.po_file(folder, language).with_suffix(".mo").read_bytes()
    assert messages.as_mo(messages.read(folder, language)) == compiled


@every_file
def test_a_translation_keeps_the_values_and_the_elements(folder: str, language: str) -> None:
    """Only the number may be said in words, where it is one."""
    for each in told(folder, language):
        for pattern in (PLACEHOLDER, TAG):
            kept = [sorted(pattern.findall(source)) for source in texts(each.id)]
            for given in texts(each.string):
                assert sorted(pattern.findall(given)) in kept, each.id


@every_file
def test_each_plural_is_said(folder: str, language: str) -> None:
    number = updated(folder, language).num_plurals
    for each in told(folder, language):
        assert len(texts(each.string)) == (1 if isinstance(each.id, str) else number), each.id


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_a_text_is_said_in_one_way_wherever_it_stands(language: str) -> None:
    """All files are one at run time: of two translations, one would stand in both places.

    What is two things in another language takes a context.
    """
    said: dict[Any, set[Any]] = {}
    for folder in messages.FOLDERS:
        for each in told(folder, language):
            said.setdefault((each.context, str(each.id)), set()).add(str(each.string))
    assert {text: ways for text, ways in said.items() if len(ways) > 1} == {}


# In a text message it would be a letter that halves the room there is.
WITHOUT_NO_BREAK_SPACE = {"%(site)s: your code is %(code)s"}
PLAIN_SPACE = re.compile(r" [:;?!»](?!\w)|« ")


@pytest.mark.parametrize("folder", messages.FOLDERS)
def test_french_marks_stay_with_their_word(folder: str) -> None:
    """A line must not begin with a mark: the space before it is one that does not break."""
    broken = [
        given
        for each in told(folder, "fr")
        if each.id not in WITHOUT_NO_BREAK_SPACE
        for given in texts(each.string)
        if PLAIN_SPACE.search(given)
    ]
    assert broken == []


MINUTES = {
    "en": ["0 minutes", "1 minute", "2 minutes"],
    "de": ["0 Minuten", "1 Minute", "2 Minuten"],
    "fr": ["0 minute", "1 minute", "2 minutes"],
}


@pytest.mark.parametrize(("language", "told"), MINUTES.items())
def test_numbers_are_told_by_the_rules_of_the_language(language: str, told: list[str]) -> None:
    with translation.override(language):
        assert [ngettext("%d minute", "%d minutes", number) % number for number in range(3)] == told


def test_each_event_and_each_mail_has_a_name() -> None:
    """What has none would be told to people by its code."""
    assert {str(event) for event in Event} <= set(audit_names.EVENTS)
    assert {kind.name for kind in mail.registered()} <= set(audit_names.MAILS)
