"""docs/gallery.md: every page of the product, on a phone and on a desk, in the light and the dark;
and docs/story.png, the pages that the README shows.

The tour is the one that the tests walk (tests/browser/tour.py): what is looked at there is here.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page

from tests.browser import tour as through
from tests.browser import tour_links, tour_provider
from tests.browser.product import Product
from tests.browser.tour import Tour, set_stage
from tests.browser.walk import Camera, Person

PHONE, DESK = (360, 740), (1280, 800)
SHRUNK = {PHONE: 0.75, DESK: 0.5}
TALLEST = 1500  # pixels of a page that are shown
GAP, FRAME = 12, "#8a94a0"
QUALITY = 64
STORY = ("home-in-the-window", "setup", "setup-app", "backup-codes")
STORY_HEIGHT = 620
SECTIONS = {
    "Signing in": ("login", "verify", "recovery", "help", "password", "link"),
    "Set-up": ("setup", "backup", "invitation", "device"),
    "Accounts and settings": (
        "home",
        "account",
        "settings",
        "security",
        "reauthenticate",
        "member",
        "pass",
    ),
    "Owners and support": (
        "admin",
        "desk",
        "person",
        "people",
        "accounts",
        "provider",
        "providers",
    ),
    "Refusals and faults": ("throttled", "fault", "not-me", "email"),
    "Parts, mails and texts": ("styleguide", "outbox"),
}
INTRO = """# Gallery

Every page, from the running product: on a phone, light and dark, and on a desk, light above dark.
Made by `make pictures ARGS=gallery`; none is edited. Mails stand in the style guide of a running
product, `/styleguide/mail/`.
"""


@dataclass(kw_only=True)
class Album:
    """Takes each page once, by its name, and puts its four pictures on one sheet."""

    folder: Path
    titles: dict[str, str] = field(default_factory=dict)

    def look(self, page: Page, name: str) -> None:
        if name in self.titles:
            return
        page.wait_for_load_state()
        self.titles[name] = page.title().partition(" · ")[0].strip()
        phone = [taken(page, PHONE, scheme) for scheme in ("light", "dark")]
        desk = [taken(page, DESK, scheme) for scheme in ("light", "dark")]
        sheet(phone, desk).save(self.folder / f"{name}.webp", quality=QUALITY, method=6)
        print(f"{name}: {self.titles[name]}", flush=True)

    def text(self) -> str:
        return INTRO + "".join(f"\n## {name}\n" + self._section(of) for name, of in self.sections())

    def sections(self) -> Iterator[tuple[str, list[str]]]:
        for section, beginnings in SECTIONS.items():
            of = [name for name in self.titles if _place(name, beginnings) < len(beginnings)]
            yield section, sorted(of, key=lambda name: _place(name, beginnings))

    def _section(self, of: list[str]) -> str:
        return "".join(
            f"\n### {self.titles[name]}\n\n![{name}](gallery/{name}.webp)\n" for name in of
        )


def _place(name: str, beginnings: tuple[str, ...]) -> int:
    """Return which of ``beginnings`` a name has; as many as there are where it has none."""
    fits = [f"{name}-".startswith(f"{each}-") for each in beginnings]
    return [*fits, True].index(True)


def taken(page: Page, size: tuple[int, int], scheme: str) -> Image.Image:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.evaluate("() => document.getAnimations().forEach((animation) => animation.finish())")
    # Hiding the caret takes an inline style, which the policy would refuse.
    shot = Image.open(io.BytesIO(page.screenshot(full_page=True, caret="initial")))
    picture = shot.convert("RGB").crop((0, 0, shot.width, min(shot.height, TALLEST)))
    shrunk = SHRUNK[size]
    return picture.resize(
        (int(picture.width * shrunk), int(picture.height * shrunk)), Image.Resampling.LANCZOS
    )


def sheet(phone: list[Image.Image], desk: list[Image.Image]) -> Image.Image:
    """Put the two of the phone side by side, and those of the desk one above the other."""
    width = sum(each.width for each in phone) + desk[0].width + 4 * GAP
    height = max(*(each.height for each in phone), sum(each.height for each in desk) + GAP)
    made = Image.new("RGB", (width, height + 2 * GAP), FRAME)
    left = GAP
    for each in phone:
        made.paste(each, (left, GAP))
        left += each.width + GAP
    made.paste(desk[0], (left, GAP))
    made.paste(desk[1], (left, 2 * GAP + desk[0].height))
    return made


def tell_story(folder: Path, *, into: Path) -> None:
    """Put the pages on a phone that the README shows side by side, from their sheets."""
    width, height = int(PHONE[0] * SHRUNK[PHONE]), STORY_HEIGHT
    made = Image.new("RGB", (len(STORY) * (width + GAP) + GAP, height + 2 * GAP), FRAME)
    for place, name in enumerate(STORY):
        page = Image.open(folder / f"{name}.webp").crop((GAP, GAP, GAP + width, GAP + height))
        made.paste(page, (GAP + place * (width + GAP), GAP))
    made.quantize(256).save(into, optimize=True)


def take(product: Product, data: Path, browser: Browser, *, into: Path) -> None:
    """Walk the tour with a camera, and write the page that shows it all."""
    folder = into / "gallery"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.webp"):
        old.unlink()
    album = Album(folder=folder)
    camera = Camera(page=browser.new_context().new_page())

    def someone(email: str) -> Person:
        context = browser.new_context()
        return Person(product=product, context=context, email=email, camera=camera, look=album.look)

    def tour(slug: str, name: str, names: dict[str, str], *, is_required: bool) -> Tour:
        members = [f"{each}@{slug}.example" for each in names]
        set_stage(
            data, slug=slug, name=name, members=members, names=[*names.values()],
            is_required=is_required, support="Sam Support",
        )  # fmt: skip
        return Tour(product=product, data=data, account=name, slug=slug, someone=someone)

    people = {"owner": "Olivia Owner", "ada": "Ada Lovelace"}
    staff = {"rita": "Rita Root", "otto": "Otto Other", "lea": "Lea Fischer"}
    others = {"ben": "Ben Okafor", "chloe": "Chloe Martin"}
    harbour = tour("harbour", "Harbour Lights", people | staff, is_required=True)
    tour_provider.enter_a_provider(harbour, through.support_desk(harbour))
    tour_links.links(harbour)
    story = tour("lighthouse", "Lighthouse Studios", people | others, is_required=False)
    through.faults(story)
    through.whole_story(story)
    (into / "gallery.md").write_text(album.text())
    tell_story(folder, into=into / "story.png")
