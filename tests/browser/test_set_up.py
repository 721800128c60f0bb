"""J2 and J3 in a real browser, with JavaScript and without, and how many pages they take."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.product import Product
from tests.browser.walk import Person

pytestmark = pytest.mark.browser
PHONE = "+12025550142"
PRINTED_PAGE = re.compile(rb"/Type\s*/Page\b")


@pytest.mark.proves("B66")
def test_from_the_mail_an_app_takes_four_pages(
    stage: Callable[..., list[str]], person: Callable[..., Person]
) -> None:
    _, email = stage("ada")
    ada = person(email, permissions=["clipboard-read", "clipboard-write"])
    ada.follow_mail("two-factor")
    before = ada.loads
    ada.give_password()
    ada.look = lambda page, name: save_codes(ada) if name == "backup-codes" else None
    ada.set_up_app()
    ada.is_at("/")
    ada.page.wait_for_load_state()
    assert ada.loads - before == 4
    ada.open("/two-factor/backup-codes/")
    expect(ada.page.locator(".backup-code")).to_have_count(0)
    ada.sign_out()
    ada.sign_in()


def save_codes(who: Person) -> None:
    """Copy, download and print them."""
    who.press("Copy")
    expect(who.page.get_by_role("button", name="Copied")).to_be_visible()
    assert who.page.evaluate("navigator.clipboard.readText()").split() == who.codes
    with who.page.expect_download() as taken:
        who.follow("Download (.txt)")
    assert taken.value.suggested_filename == "gatehouse-backup-codes.txt"
    lines = Path(taken.value.path()).read_text().strip().splitlines()
    assert who.codes == lines[-10:]
    assert "Gatehouse" in lines[0]
    assert who.email in lines[1]
    assert re.search(r"\d{4}-\d\d-\d\d", lines[2])
    assert len(PRINTED_PAGE.findall(who.page.pdf(format="A4"))) == 1


def test_without_scripts_a_mailed_code_takes_one_page_more(
    stage: Callable[..., list[str]], person: Callable[..., Person]
) -> None:
    _, email = stage("ada")
    ada = person(email, java_script_enabled=False)
    ada.open("/login/?next=/two-factor/setup/")
    before = ada.loads
    ada.give_password()
    ada.page.locator("input[name=method][value=app]").check()
    ada.press("Continue")
    ada.prove_mailbox()
    ada.confirm_app()
    assert ada.loads - before == 5
    ada.open("/")
    ada.sign_out()
    ada.sign_in()


def test_without_scripts_a_phone_takes_five_pages(
    stage: Callable[..., list[str]], person: Callable[..., Person], product: Product
) -> None:
    _, email = stage("ben")
    ben = person(email, java_script_enabled=False)
    ben.follow_mail("two-factor")
    before = ben.loads
    ben.give_password()
    ben.set_up_phone(PHONE)
    assert ben.loads - before == 5
    ben.open("/")
    ben.sign_out()
    ben.give_password()
    ben.is_at("/login/verify/")
    ben.give_code("000000", "Sign in")
    ben.see("no longer good")
    assert len(product.texts(PHONE)) == 1


def test_scripts_group_a_number_count_a_wait_and_show_a_password(
    stage: Callable[..., list[str]], person: Callable[..., Person]
) -> None:
    """The comforts of ``site.js`` that no other story comes by."""
    _, email = stage("ben")
    ben = person(email, timezone_id="Europe/Berlin")
    ben.follow_mail("two-factor")
    password = ben.page.locator("[name=password]")
    password.fill(ben.password)
    ben.page.get_by_role("button", name="Show Password").click()
    expect(password).to_have_attribute("type", "text")
    ben.give_password()
    ben.choose("text")
    phone, country = ben.page.locator("[name=phone]"), ben.page.locator("[name=country]")
    phone.press_sequentially("2025550141")
    expect(phone).to_have_value("(202) 555-0141")
    phone.fill("")
    phone.press_sequentially("+4915123456789")
    expect(phone).to_have_value("+49 1512 3456789")
    expect(country).to_have_value("DE")
    phone.fill("+1 202 555 0141")
    ben.press("Text me a code")
    again = ben.page.get_by_role("button", name="Text me another code")
    expect(again).to_have_attribute("aria-disabled", "true")
    expect(ben.page.locator("[data-wait] .left")).to_have_text(re.compile(r"^\d+ seconds?$"))
    before = ben.loads
    again.click(force=True)
    assert ben.loads == before
    ben.open("/settings/")
    ben.press("Use the time zone of this browser")
    expect(ben.page.locator("[name=time_zone]")).to_have_value("Europe/Berlin")
