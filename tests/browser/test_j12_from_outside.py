"""J12: a fresh clone, `make run`, and the whole story in real time, driven from outside.

Nothing of the product is imported here: a browser, an authenticator app and the outbox are all
there is. A minute to set up and a pass of a minute show the day that both take.

The clone finds the packages of this checkout installed; with CLONE=bare, as `make proof` sets it,
it finds nothing and installs them.
"""

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser import desk
from tests.browser.product import DEMO_PASSWORD, Product, link_in, wait_for, wait_until_up
from tests.browser.walk import Camera, Person
from tests.services.processes import ROOT, Process, environment, free_port, is_listening, running

IS_BARE = os.environ.get("CLONE") == "bare"
# Most of it is waiting: a group of its own lets other browser tests run meanwhile.
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("clone")]

PASSED_ON = re.compile(r"(PIP|SSL|REQUESTS)_|\w*_proxy$", re.IGNORECASE)
EVERYBODY = [f"{name}@northwind.example" for name in ("owner", "admin", "ada", "ben", "chloe")]
EVERYBODY += ["dan@personal.example"]
PHONE = "+12025550144"
DEADLINE = re.compile(r"\w+day, \d+ \w+ \d{4}, \d\d:\d\d:\d\d UTC")
# The minute has to pass, and a busy machine to come to it.
A_WHILE = 180


@dataclass(frozen=True, kw_only=True)
class Clone(Product):
    """The product of a clone, and the process that `make run` is."""

    folder: Path
    process: Process

    def stop(self) -> None:
        """Press Ctrl-C, and find nothing left behind."""
        os.killpg(self.process.popen.pid, signal.SIGINT)
        self.process.popen.wait(60)
        assert not is_listening(int(self.url.rpartition(":")[2]))
        wait_for(lambda: not processes_of(self.folder))


def processes_of(folder: Path) -> list[str]:
    """Return the command lines of all processes that run from a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if str(folder) in command:
                found.append(command)
    return found


def clone_environment(home: Path, *, port: int) -> dict[str, str]:
    """An empty home, and what the machine says of how to reach its package index.

    Packages that were fetched once are kept beside the checkout, as they are for anybody's second
    clone.
    """
    passed = {name: value for name, value in os.environ.items() if PASSED_ON.match(name)}
    own = {
        "HOME": str(home),
        "PIP_CACHE_DIR": str(ROOT / "var" / "pip"),
        "PORT": str(port),
        "TWO_FACTOR_GRACE": "60",
        "TWO_FACTOR_PASS": "60",
    }
    return {**environment(), **passed, **own}


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Clone]:
    folder, home, port = tmp_path / "gatehouse", tmp_path / "home", free_port()
    home.mkdir()
    git = ["git", "-c", "safe.directory=*", "clone", "--quiet", str(ROOT), str(folder)]
    subprocess.run(git, check=True, timeout=120)
    if not IS_BARE:
        (folder / ".venv").symlink_to(ROOT / ".venv")
    env = clone_environment(home, port=port)
    with running(["make", "run"], folder=tmp_path, env=env, cwd=folder) as process:
        wait_until_up(process, patience=600)
        assert DEMO_PASSWORD in process.output()
        url = f"http://127.0.0.1:{port}"
        yield Clone(url=url, outbox=folder / "var/outbox", folder=folder, process=process)


@pytest.fixture
def someone(
    product: Clone, new_context: Callable[..., BrowserContext], camera: Camera
) -> Callable[[str], Person]:
    def make(email: str) -> Person:
        return Person(product=product, context=new_context(), email=email, camera=camera)

    return make


def wait_to_be_out(who: Person, *words: str) -> None:
    """Load a page until it is refused, and see why."""

    def is_out() -> bool:
        who.open("/")
        return "/login/" in who.page.url

    wait_for(is_out, patience=A_WHILE, pause=1)
    who.see(*words)


def test_the_whole_story_in_a_fresh_clone(product: Clone, someone: Callable[..., Person]) -> None:
    owner, _, ada, ben, chloe, _ = (someone(email) for email in EVERYBODY)
    support = someone("support@gatehouse.example")
    desk.first_sign_in(support)
    for who in (owner, chloe):
        who.give_password()
        who.is_at("/")
    switches_on(owner, chloe, product)
    sets_up_an_app(ada)
    loses_everything(ada, support, product)
    sets_up_a_phone(ben, product)
    does_nothing(chloe, product)
    # J5: the owner, who was late, too, invites somebody new; set-up stands inside the acceptance.
    owner.follow_mail("asks you")
    owner.give_password()
    owner.set_up_app()
    new = accept_invitation(owner, someone, product)
    has_a_pass_revoked(new, support)
    sees_the_pass_end(ada)
    product.stop()
    assert "Traceback" not in product.process.output()


def switches_on(owner: Person, chloe: Person, product: Clone) -> None:
    """J1: the owner, in the admin; every active member has one mail with the exact deadline."""
    desk.switch_on(owner, "Northwind Films")
    chloe.open("/")
    chloe.see("You have", "left to set it up")
    deadlines = {DEADLINE.search(product.mail(email, subject="asks you")) for email in EVERYBODY}
    assert len({found[0] for found in deadlines if found}) == 1
    assert None not in deadlines
    assert [len(product.mails(email, subject="asks you")) for email in EVERYBODY] == [1] * 6


def sets_up_an_app(ada: Person) -> None:
    """J2: within the window, from the mail; signs out, and in with a code."""
    ada.follow_mail("asks you")
    ada.give_password()
    ada.set_up_app()
    ada.open("/")
    ada.sign_out()
    ada.sign_in()


def loses_everything(ada: Person, support: Person, product: Clone) -> None:
    """J6: the phone. J7: and then everything; support grants a pass of a minute."""
    use_backup_code(ada, product)
    ask_for_pass(ada, product)
    support.open("/admin/")
    support.see("Waiting for a pass", "Ada")
    desk.grant_pass(support, ada.email, reason="Called back on the known number")
    product.mail(ada.email, subject="pass")
    ada.give_password()
    ada.is_at("/")
    ada.see("You are on a pass")


def sets_up_a_phone(ben: Person, product: Clone) -> None:
    """J3: which takes a while: between two texts there are waits."""
    ben.follow_mail("asks you")
    ben.give_password()
    ben.set_up_phone(PHONE)
    ben.open("/")
    ben.sign_out()
    sign_in_by_text(ben, product)


def does_nothing(chloe: Person, product: Clone) -> None:
    """J4: and is out at the deadline: as a page, in the background, by mail."""
    wait_to_be_out(chloe, "the time to set up two-factor authentication is over")
    answer = chloe.context.request.get(f"{product.url}/", headers={"Accept": "application/json"})
    assert (answer.status, answer.json()["code"]) == (401, "signed_out_deadline")
    product.mail(chloe.email, subject="signed out")
    chloe.follow_mail("signed out")
    chloe.give_password()
    chloe.open("/")
    chloe.is_at("/two-factor/setup/")
    chloe.set_up_app()
    chloe.open("/")
    chloe.is_at("/")
    assert len(product.mails(chloe.email, subject="signed out")) == 1


def has_a_pass_revoked(new: Person, support: Person) -> None:
    """J7: which brings the device back."""
    desk.grant_pass(support, new.email, reason="Asked by phone")
    new.open("/")
    new.see("You are on a pass")
    desk.revoke_pass(support, new.email)
    wait_to_be_out(new, "your pass was ended early")
    new.sign_in()


def sees_the_pass_end(ada: Person) -> None:
    """J7: one that ran out leads to set-up."""
    wait_to_be_out(ada, "your pass has ended")
    ada.give_password()
    ada.prove_mailbox()
    ada.set_up_app()
    ada.open("/")
    ada.sign_out()
    ada.sign_in()


def sign_in_by_text(who: Person, product: Clone) -> None:
    """Ask for texts until the wait between two is over; a code that was used is refused."""
    who.give_password()
    who.is_at("/login/verify/")
    used = product.texted_code(PHONE)
    who.give_code(used, "Sign in")
    who.see("no longer good")

    def is_texted() -> bool:
        if who.page.get_by_role("button", name="Text me a code", exact=True).count():
            who.press("Text me a code")
        who.page.wait_for_load_state()
        return len(product.texts(PHONE)) == 2

    wait_for(is_texted, patience=A_WHILE, pause=1)
    who.give_code(product.texted_code(PHONE, number=2), "Sign in")
    who.is_at("/")


def accept_invitation(owner: Person, someone: Callable[..., Person], product: Clone) -> Person:
    for name in ("new", "other"):
        owner.open("/accounts/northwind/")
        owner.fill(email=f"{name}@northwind.example")
        owner.press("Send the invitation")
        owner.see("is invited, for seven days")
    new, other = someone("new@northwind.example"), someone("other@northwind.example")
    link = link_in(product.mail(new.email, subject="invit"), "/invitations/")
    new.open(link)
    new.fill(name="Nora New", password=new.password)
    new.press("Join")
    new.open("/")
    new.is_at("/two-factor/setup/")
    new.set_up_app()
    new.is_at("/accounts/northwind/")
    other.open(link)
    other.see("This invitation has been used")
    owner.open("/accounts/northwind/")
    owner.page.get_by_role("button", name="Take back").click()
    owner.see("is taken back")
    other.open(link_in(product.mail(other.email, subject="invit"), "/invitations/"))
    other.see("This invitation was taken back")
    return new


def use_backup_code(who: Person, product: Clone) -> None:
    """In once; refused the second time; a mail says how many are left."""
    who.open("/")
    who.sign_out()
    for is_first in (True, False):
        who.give_password()
        who.follow("Enter recovery code")
        who.fill(code=who.codes[0].lower())
        who.press("Sign in")
        if is_first:
            who.is_at("/two-factor/replace/")
            who.follow("Later")
            who.is_at("/")
            who.sign_out()
    who.see("was used already")
    assert re.search(r"\b(9|nine)\b", product.mail(who.email, subject="backup code"))


def ask_for_pass(who: Person, product: Clone) -> None:
    who.follow("I can't use any of these")
    who.fill(message="Phone and codes are gone.")
    who.press("Ask for a pass")
    expect(who.page.locator("h1")).to_have_text("Your request is with support")
    product.mail("admin@northwind.example", subject="pass")
