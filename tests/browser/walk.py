"""A person with a browser and a phone, who does what the pages say."""

import base64
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pyotp
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.product import DEMO_PASSWORD, Product, code_in, link_in
from tests.browser.speech import Speech

JSQR = Path(__file__).parents[1] / "node_modules/jsqr/dist/jsQR.js"
DECODE = """async (picture) => {
    const image = new Image();
    image.src = "data:image/png;base64," + picture;
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = image.width;
    canvas.height = image.height;
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    const pixels = context.getImageData(0, 0, image.width, image.height);
    const found = jsQR(pixels.data, image.width, image.height);
    return found ? found.data : "";
}"""
STEP = 30
SLOW = 10  # seconds until what is typed has been looked at, on a busy machine

# Milliseconds for a page of a product that shares two cores with every other test.
PATIENCE = 30_000
expect.set_options(timeout=PATIENCE)


def unseen(page: Page, name: str) -> None:
    """Look at nothing."""


@dataclass(kw_only=True)
class Camera:
    """Decodes the QR code of a screenshot, in a blank page of its own."""

    page: Page

    def read(self, picture: bytes) -> str:
        if not self.page.evaluate("typeof jsQR === 'function'"):
            self.page.add_script_tag(path=JSQR)
        return str(self.page.evaluate(DECODE, base64.b64encode(picture).decode()))


@dataclass(kw_only=True)
class Authenticator:
    """An app on a phone; it waits for a code that was not used yet, as a person has to."""

    totp: pyotp.TOTP
    last_step: int = 0

    def code(self) -> str:
        earliest = int(time.time() + SLOW) // STEP - 1
        self.last_step = max(earliest, self.last_step + 1)
        while self.last_step > int(time.time()) // STEP + 1:
            time.sleep(0.2)
        return self.totp.generate_otp(self.last_step)


@dataclass(kw_only=True)
class Person:
    """``look`` is called with each page worth looking at, and with what it shows."""

    product: Product
    context: BrowserContext
    email: str
    camera: Camera
    password: str = DEMO_PASSWORD
    has_script: bool = True
    look: Callable[[Page, str], None] = unseen
    speech: Speech = field(default_factory=Speech)
    page: Page = field(init=False)
    app: Authenticator | None = None
    codes: list[str] = field(default_factory=list)
    proofs: int = 0  # codes that came by mail
    loads: int = 0  # pages that came up

    def __post_init__(self) -> None:
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.page.on("load", self._count)

    def _count(self, page: Page) -> None:
        self.loads += 1

    def open(self, path: str) -> None:
        self.page.goto(path if path.startswith("http") else self.product.url + path)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=self.speech.says(name)).click()

    def follow(self, name: str) -> None:
        self.page.get_by_role("link", name=self.speech.says(name)).first.click()

    def see(self, *words: str) -> None:
        for each in words:
            expect(self.page.locator("body")).to_contain_text(self.speech.reads(each))

    def is_at(self, path: str) -> None:
        expect(self.page).to_have_url(re.compile(f"^{re.escape(self.product.url + path)}([?#]|$)"))

    def find(self, words: str) -> Locator:
        """Return what has ``words`` in its text."""
        return self.page.get_by_text(self.speech.reads(words))

    def mail(self, subject: str, *, number: int = 1) -> str:
        """Wait for the mail of that number; return its text."""
        return self.product.mail(self.email, subject=self.speech.reads(subject), number=number)

    def fill(self, **fields: str) -> None:
        for name, value in fields.items():
            self.page.locator(f"[name={name}]:visible").fill(value)

    def give_password(self) -> None:
        if not self.page.url.startswith(f"{self.product.url}/login/?"):
            self.open("/login/")
        self.look(self.page, "login")
        self.fill(email=self.email, password=self.password)
        self.press("Continue")

    def sign_in(self) -> None:
        """Sign in with the password and a code of the app."""
        self.give_password()
        self.is_at("/login/verify/")
        self.type_code()
        self.is_at("/")

    def sign_out(self) -> None:
        self.press("Sign out")
        self.is_at("/login/")

    def type_code(self, button: str = "Sign in") -> None:
        assert self.app
        self.give_code(self.app.code(), button)

    def give_code(self, code: str, button: str) -> None:
        """Type six digits; where scripts run, the last one sends them."""
        self.fill(code=code)
        if not self.has_script:
            self.press(button)

    def prove_mailbox(self) -> None:
        """Type the code that was mailed for this set-up."""
        self.is_at("/two-factor/setup/mailbox/")
        self.look(self.page, "setup-mailbox")
        self.proofs += 1
        mail = self.mail("code for setting up", number=self.proofs)
        self.give_code(code_in(mail), "Continue")
        expect(self.page).not_to_have_url(re.compile("/mailbox/"))

    def follow_mail(self, subject: str) -> None:
        """Open the set-up link of a mail."""
        self.open(link_in(self.mail(subject), "/two-factor/setup/link"))

    def choose(self, method: str) -> None:
        self.is_at("/two-factor/setup/")
        self.look(self.page, "setup")
        self.page.locator(f"input[name=method][value={method}]").check()
        self.press("Continue")

    def set_up_app(self) -> None:
        """Scan the picture, type the code, keep the backup codes."""
        self.choose("app")
        self.confirm_app()

    def confirm_app(self) -> None:
        self.is_at("/two-factor/setup/app/")
        self.look(self.page, "setup-app")
        self.app = Authenticator(totp=self.scan())
        self.type_code("Confirm")
        self.keep_codes()

    def scan(self) -> pyotp.TOTP:
        """Read the QR code off the screen; it says the same as the key to type."""
        picture = self.page.locator("div.qr").screenshot(caret="initial")
        totp = pyotp.parse_uri(self.camera.read(picture))
        assert isinstance(totp, pyotp.TOTP)
        assert totp.name == self.email
        assert totp.secret == self.page.locator("#totp-secret").get_attribute("data-secret")
        return totp

    def set_up_phone(self, phone: str) -> None:
        self.choose("text")
        self.is_at("/two-factor/setup/text/")
        self.look(self.page, "setup-text")
        self.fill(phone=phone)
        self.press("Text me a code")
        self.is_at("/two-factor/setup/text/confirm/")
        self.look(self.page, "setup-text-confirm")
        self.give_code(self.product.texted_code(phone), "Confirm")
        self.keep_codes()

    def keep_codes(self) -> None:
        expect(self.page.locator(".backup-code")).to_have_count(10)
        self.codes = self.page.locator(".backup-code").all_inner_texts()
        self.look(self.page, "backup-codes")
        self.page.locator("[name=saved]").check()
        self.press("Continue")
        expect(self.page.locator(".backup-code")).to_have_count(0)
