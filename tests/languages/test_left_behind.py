"""A language that one test leaves behind in its thread is not that of the next test."""

import pytest
from django.utils import translation


@pytest.mark.parametrize("language", ["de", "fr"])
def test_each_test_begins_in_english(language: str) -> None:
    """Each leaves another language behind: the second finds English again."""
    assert translation.get_language() == "en"
    translation.activate(language)
