"""`make pictures`: starts the product on data of its own, sets the stage, takes the pictures.

ARGS names the pictures to take, `gallery` among them, or a folder with `--into`; default: all of
them, into docs. To add a picture, add a ``Shot``, and a scene in ``deploy/pictures/stage.py`` if no
scene fits.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, sync_playwright

from deploy.pictures import gallery
from deploy.pictures.taking import Taker
from tests.browser.product import Product, running_product
from tests.services.processes import environment, python, running

FOLDER = Path(__file__).parents[2] / "docs"
SUPPORT = "sue@gatehouse.example"
LARGEST = 150_000  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One picture: whose browser, on which page, and which part of it."""

    name: str
    who: str
    go: Callable[[Taker], None]
    part: str = ""  # a selector; empty: the top of the page
    width: int = 900
    height: int = 900
    scheme: Literal["light", "dark"] = "light"


SHOTS = (
    Shot(name="preview", who="olivia@aurora.example", go=lambda taker: taker.preview("Aurora")),
    Shot(
        name="preview-mails",
        who="olivia@aurora.example",
        go=lambda taker: taker.preview("Aurora"),
        part="section[aria-labelledby=mails]",
    ),
    Shot(
        name="outside",
        who="olivia@aurora.example",
        go=lambda taker: taker.preview("Aurora"),
        part="section[aria-labelledby=outside]",
    ),
    Shot(
        name="progress",
        who="olivia@borealis.example",
        go=lambda taker: taker.account("Borealis"),
        part="section[aria-labelledby=requirement]",
    ),
    Shot(
        name="members",
        who="olivia@borealis.example",
        go=lambda taker: taker.account("Borealis", "?outcome=must_act&flag=outside"),
        part="section[aria-labelledby=who]",
    ),
    Shot(
        name="trouble",
        who="olivia@borealis.example",
        go=lambda taker: taker.account("Borealis"),
        part="section[aria-labelledby=trouble]",
    ),
    Shot(
        name="afterwards",
        who="olivia@cascade.example",
        go=lambda taker: taker.account("Cascade"),
        part="section[aria-labelledby=requirement]",
    ),
    Shot(
        name="progress-dark-phone",
        who="olivia@borealis.example",
        go=lambda taker: taker.account("Borealis"),
        width=390,
        height=844,
        scheme="dark",
    ),
    Shot(name="desk", who=SUPPORT, go=lambda taker: taker.open("/admin/")),
    Shot(name="people", who=SUPPORT, go=lambda taker: taker.find("chloe delta"), height=560),
    Shot(name="person", who=SUPPORT, go=lambda taker: taker.someone("chloe@delta.example")),
    Shot(
        name="pass",
        who=SUPPORT,
        go=lambda taker: taker.do("chloe@delta.example", "Grant a pass…"),
        height=760,
    ),
    Shot(
        name="on-a-pass",
        who=SUPPORT,
        go=lambda taker: taker.someone("grace@delta.example"),
        width=390,
        height=844,
        scheme="dark",
    ),
    Shot(
        name="address",
        who=SUPPORT,
        go=lambda taker: taker.do("ben@delta.example", "Change the address…"),
        height=760,
    ),
)


def set_stage(folder: Path) -> dict[str, str]:
    """Play the scenes; return the secrets of the apps of those who sign in."""
    secrets = folder / "secrets.json"
    command = python(
        "-m", "deploy.pictures.stage", str(secrets), "before", "during", "after", "desk"
    )
    env = environment(DJANGO_SETTINGS_MODULE="settings.local", VAR_DIR=str(folder))
    with running(command, folder=folder, env=env) as process:
        if process.popen.wait(300) != 0:
            raise SystemExit(process.output()[-2000:])
    found: dict[str, str] = json.loads(secrets.read_text())
    return found


def take(shot: Shot, taker: Taker, *, into: Path) -> None:
    taker.page.set_viewport_size({"width": shot.width, "height": shot.height})
    taker.page.emulate_media(color_scheme=shot.scheme)
    shot.go(taker)
    target = taker.page.locator(shot.part).first if shot.part else taker.page
    path = into / "pictures" / f"{shot.name}.png"
    # Hiding the caret takes an inline style, which the policy would refuse.
    target.screenshot(path=path, caret="initial")
    size = path.stat().st_size
    if size > LARGEST:
        raise SystemExit(f"{path.name} has {size:,} bytes; no more than {LARGEST:,} are wanted.")
    print(f"{path.name}: {size:,} bytes", flush=True)


def signed_in(email: str, secret: str, product: Product, browser: Browser) -> Taker:
    """Return somebody with a browser; each person signs in once, as each code works once."""
    taker = Taker(product=product, page=browser.new_context().new_page(), email=email)
    taker.sign_in(secret)
    return taker


def main() -> int:
    parser = argparse.ArgumentParser(prog="make pictures", description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--into", type=Path, default=FOLDER)
    chosen = parser.parse_args()
    (chosen.into / "pictures").mkdir(parents=True, exist_ok=True)
    wanted = [shot for shot in SHOTS if not chosen.names or shot.name in chosen.names]
    with (
        tempfile.TemporaryDirectory() as data,
        running_product(folder=Path(data)) as product,
        sync_playwright() as playwright,
    ):
        secrets = set_stage(Path(data)) if wanted else {}
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        takers: dict[str, Taker] = {}
        for shot in wanted:
            if shot.who not in takers:
                secret = secrets.get(shot.who, "")
                takers[shot.who] = signed_in(shot.who, secret, product, browser)
            take(shot, takers[shot.who], into=chosen.into)
        if not chosen.names or "gallery" in chosen.names:
            gallery.take(product, Path(data), browser, into=chosen.into)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
