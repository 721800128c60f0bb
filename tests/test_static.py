"""What browsers load beside a page: little, and nothing that keeps the page from being shown."""

import gzip
import re
from pathlib import Path

from django.conf import settings
from django.test import Client

STATIC = Path(settings.BASE_DIR) / "static"
LARGEST = 30_000  # bytes, compressed
LOADED = re.compile(r"<(?:link|script|img)\b[^>]*>")
BUTTON = re.compile(r"<button\b[^>]*>")
DRESSED = re.compile(r"""class="(?:button|link)[ "{]""")


def test_all_styles_and_scripts_weigh_less_than_thirty_kilobytes() -> None:
    files = [path for path in STATIC.rglob("*") if path.suffix in {".css", ".js"}]
    assert files
    assert sum(len(gzip.compress(path.read_bytes())) for path in files) < LARGEST


def test_a_page_waits_for_its_one_stylesheet_alone(client: Client) -> None:
    loaded = LOADED.findall(client.get("/login/").content.decode())
    waited_for = [tag for tag in loaded if "icon" not in tag and "defer" not in tag]
    assert len(waited_for) == 1
    assert 'rel="stylesheet"' in waited_for[0]


def test_a_stylesheet_loads_nothing_more() -> None:
    for path in STATIC.rglob("*.css"):
        assert not re.search(r"@import|url\((?!['\"]?data:)", path.read_text()), path.name


def test_every_button_of_a_page_is_dressed() -> None:
    """One without the class that says how would look like the browser's own."""
    templates = Path(settings.BASE_DIR) / "templates"
    pages = [path for path in templates.rglob("*.html") if path.parent.name != "admin"]
    bare = [
        f"{path.name}: {tag}"
        for path in pages
        for tag in BUTTON.findall(path.read_text())
        if not DRESSED.search(tag)
    ]
    assert len(pages) > 100
    assert bare == []
