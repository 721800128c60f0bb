"""One product for all browser tests, and people with a browser each."""

import json
import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from tests.browser.product import Product, running_product
from tests.browser.walk import Camera, Person
from tests.services.processes import environment, python, running

WIDTHS = {"phone": 390, "desk": 1280}
AXE = """async () => (await axe.run()).violations.filter(
    (fault) => ["serious", "critical"].includes(fault.impact)
).flatMap((fault) => fault.nodes.map((node) => `${fault.id}: ${node.html.slice(0, 200)}`))"""
# Colours that are still fading are nobody's to judge.
FINISH = "() => document.getAnimations().forEach((animation) => animation.finish())"
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"

_numbers = count(1)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("browser")


@pytest.fixture(scope="session")
def product(data: Path) -> Iterator[Product]:
    with running_product(folder=data) as started:
        yield started


@pytest.fixture
def stage(product: Product, data: Path) -> Callable[..., list[str]]:
    """Return a function that makes an account with members and returns their addresses."""

    def make(*names: str, is_required: bool = True) -> list[str]:
        slug = f"stage-{next(_numbers)}"
        members = [f"{name}@{slug}.example" for name in ("owner", *names)]
        wanted = json.dumps({"slug": slug, "members": members, "is_required": is_required})
        env = environment(DJANGO_SETTINGS_MODULE="settings.local", VAR_DIR=str(data))
        command = python("-m", "tests.browser.stage", wanted)
        with running(command, folder=data, env=env) as process:
            assert process.popen.wait(120) == 0, process.output()
        return members

    return make


@pytest.fixture(scope="session")
def camera(browser: Browser) -> Iterator[Camera]:
    context = browser.new_context()
    yield Camera(page=context.new_page())
    context.close()


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    """What the browser complained of; the content security policy must be silent."""
    found: list[str] = []
    yield found
    refused = [line for line in found if "Content Security Policy" in line]
    assert not refused, "\n".join(refused)


@pytest.fixture
def new_context(browser: Browser, complaints: list[str]) -> Iterator[Callable[..., BrowserContext]]:
    contexts: list[BrowserContext] = []

    def make(**options: object) -> BrowserContext:
        context = browser.new_context(**options)  # type: ignore[arg-type]
        context.on("console", lambda said: complaints.extend(_told(said)))
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        context.close()


def _told(said: ConsoleMessage) -> list[str]:
    """Return what a page says; a message without an address is of the axe that we put there."""
    where = said.location["url"]
    return [f"{said.type}: {said.text} ({where})"] if where else []


@pytest.fixture
def person(
    new_context: Callable[..., BrowserContext], product: Product, camera: Camera
) -> Callable[..., Person]:
    """Return a function that gives somebody a browser of their own."""

    def make(email: str, **options: object) -> Person:
        return Person(
            product=product,
            context=new_context(**options),
            email=email,
            camera=camera,
            has_script=bool(options.get("java_script_enabled", True)),
        )

    return make


@pytest.fixture
def look(axe_source: str) -> Iterator[Callable[[Page, str], None]]:
    """A function that looks at a page at two widths, in the light and in the dark.

    It wants no serious fault of accessibility and nothing wider than the screen, and tells of all
    pages at the end. With SHOTS=folder it also leaves pictures for people to look at.
    """
    folder = os.environ.get("SHOTS", "")
    faults: list[str] = []

    def at(page: Page, name: str) -> None:
        page.evaluate(axe_source)
        for device, width in WIDTHS.items():
            page.set_viewport_size({"width": width, "height": 844})
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                page.evaluate(FINISH)
                where = f"{name}-{device}-{scheme}"
                if folder:
                    picture = Path(folder) / f"{where}.png"
                    # Hiding the caret takes an inline style, which the policy would refuse.
                    page.screenshot(path=picture, full_page=True, caret="initial")
                faults.extend(f"{where}: {fault}" for fault in page.evaluate(AXE))
            if page.evaluate(OVERFLOW) > 0:
                faults.append(f"{name} is wider than a {device}")

    yield at
    assert not faults, "\n".join(faults)
