"""docs/sso.md tells what to do at each reason for which somebody is refused."""

import re

import pytest
from django.conf import settings

ROOT = settings.BASE_DIR
SAML = ("saml.py", "saml_assertion.py", "saml_toolkit.py")
ADMISSION = ("sso.py", "sso_admission.py", "sso_attempts.py", "sso_linking.py")
FAILED = re.compile(r'Failed\(\s*Step\.(\w+),\s*"(\w+)"')
WRONG = re.compile(r'_wrong\(\s*"(\w+)"')
REFUSED = re.compile(
    r'(?:Refused\(|_not_invited\(provider,|return|code =)\s*"(\w+_\w+|deactivated)"'
)


def text_of(names: tuple[str, ...]) -> str:
    return "".join((ROOT / "accounts" / name).read_text() for name in names)


def reasons() -> list[str]:
    saml, admission = text_of(SAML), text_of(ADMISSION)
    found = {f"{step.lower()}_{reason}" for step, reason in FAILED.findall(saml)}
    found |= {f"claims_{reason}" for reason in WRONG.findall(saml)}
    return sorted(found | set(REFUSED.findall(admission)))


def test_the_search_finds_reasons_of_each_kind() -> None:
    assert {"signature_wrapped", "claims_expired", "state_late", "not_member"} <= {*reasons()}


@pytest.mark.parametrize("reason", reasons())
def test_the_page_for_support_says_what_to_do_at(reason: str) -> None:
    table = (ROOT / "docs" / "sso.md").read_text().partition("## When somebody is refused")[2]
    assert f"`{reason}`" in table
