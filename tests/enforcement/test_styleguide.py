"""The pages that show parts and mails, and with them: every mail has all it asks for."""

from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse

from accounts import mail
from accounts.mail import Kind
from enforcement import styleguide

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.mark.parametrize("kind", mail.registered(), ids=lambda kind: kind.name)
def test_a_mail_says_who_it_is_from_and_why_it_came_in_both_parts(kind: Kind) -> None:
    sample = styleguide.sample_mail(kind, now=NOW)
    html = styleguide.html_of(sample)

    assert sample.subject.strip()
    for part in (str(sample.body), html):
        assert "Gatehouse" in part
        assert "because" in part


def test_every_part_and_every_mail_can_be_looked_at(client: Client) -> None:
    names = [kind.name for kind in mail.registered()]
    pages = [reverse("styleguide"), reverse("styleguide_mail")]
    pages += [reverse("styleguide_mail_html", args=[name]) for name in names]
    pages += [reverse("styleguide_fault", args=[name]) for name in styleguide.FAULTS]

    assert {client.get(page).status_code for page in pages} == {200}


def test_an_unknown_mail_or_fault_is_not_found(client: Client) -> None:
    assert client.get(reverse("styleguide_fault", args=["200"])).status_code == 404
    assert client.get(reverse("styleguide_mail_html", args=["no-such-mail"])).status_code == 404
