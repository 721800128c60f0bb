"""One product for all browser tests, and people with a browser each."""

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from tests.browser.eyes import Eyes
from tests.browser.product import Product, running_product
from tests.browser.speech import Speech
from tests.browser.tour import Tour, set_stage
from tests.browser.walk import Camera, Person, unseen

_numbers = count(1)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("browser")


@pytest.fixture(scope="session")
def product(data: Path) -> Iterator[Product]:
    with running_product(folder=data, SSO_ALLOW_PRIVATE="on") as started:
        yield started


@pytest.fixture
def stage(product: Product, data: Path) -> Callable[..., list[str]]:
    """Return a function that makes an account with members and returns their addresses."""

    def make(*names: str, is_required: bool = True, **more: object) -> list[str]:
        slug = f"stage-{next(_numbers)}"
        members = [f"{name}@{slug}.example" for name in ("owner", *names)]
        set_stage(data, slug=slug, members=members, is_required=is_required, **more)
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

    def make(
        email: str,
        *,
        look: Callable[[Page, str], None] = unseen,
        language: str = "en",
        **options: object,
    ) -> Person:
        return Person(
            product=product,
            context=new_context(locale=language, **options),
            email=email,
            camera=camera,
            has_script=bool(options.get("java_script_enabled", True)),
            look=look,
            speech=Speech(language),
        )

    return make


@pytest.fixture
def eyes(axe_source: str) -> Iterator[Eyes]:
    """Eyes that look at pages; what is wrong with any is told at the end."""
    opened = Eyes(axe=axe_source)
    yield opened
    assert not opened.faults, "\n".join(opened.faults)


@pytest.fixture
def tour(
    stage: Callable[..., list[str]],
    person: Callable[..., Person],
    product: Product,
    data: Path,
    eyes: Eyes,
) -> Callable[..., Tour]:
    """Return a function that sets the stage for a tour on which each page is looked at.

    In a ``browser`` of its own kind the tour is walked alone: eyes need scripts, and room.
    """

    def make(*names: str, browser: Mapping[str, object] | None = None, **wanted: object) -> Tour:
        eyes.language = str(wanted.get("language", "en"))
        owner = stage(*names, support="Sam Support", **wanted)[0]
        slug = owner.partition("@")[2].removesuffix(".example")
        return Tour(
            product=product,
            data=data,
            account=str(wanted.get("name", slug.title())),
            slug=slug,
            someone=lambda email: person(
                email,
                look=unseen if browser else eyes.look,
                language=eyes.language,
                **(browser or {}),
            ),
        )

    return make
