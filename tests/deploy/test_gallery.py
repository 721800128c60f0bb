"""Every page of the gallery has its picture, and every picture its page."""

import re
from pathlib import Path

from django.conf import settings

DOCS = Path(settings.BASE_DIR) / "docs"


def test_the_gallery_shows_each_picture_once_and_is_not_too_heavy() -> None:
    shown = re.findall(r"\]\((gallery/[^)]+)\)", (DOCS / "gallery.md").read_text())
    taken = sorted((DOCS / "gallery").iterdir())
    assert sorted(shown) == [f"gallery/{path.name}" for path in taken]
    assert sum(path.stat().st_size for path in taken) < 6_000_000


def test_the_guides_show_each_picture_of_theirs() -> None:
    guides = "".join(path.read_text() for path in DOCS.glob("*.md"))
    shown = set(re.findall(r"\]\((pictures/[^)]+)\)", guides))
    assert shown == {f"pictures/{path.name}" for path in (DOCS / "pictures").iterdir()}
