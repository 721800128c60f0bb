"""Every page, on a phone in the light and on a desk in the dark: no fault that axe finds serious,
nothing wider than a screen of 320, no complaint about the content security policy.
"""

from collections.abc import Callable

import pytest

from tests.browser import tour as through
from tests.browser.tour import Tour

pytestmark = pytest.mark.browser


def test_every_page_of_the_story_is_sound(tour: Callable[..., Tour]) -> None:
    through.whole_story(tour("ada", "ben", "chloe", is_required=False))


def test_every_page_of_the_desk_every_part_and_every_fault_is_sound(
    tour: Callable[..., Tour],
) -> None:
    staged = tour("ada", "rita", "otto")
    through.support_desk(staged)
    through.faults(staged)
