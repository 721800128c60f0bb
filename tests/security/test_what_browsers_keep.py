"""Pages of a person are kept by no cache, and a client does not write the audit's request ids."""

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import AuditEvent
from tests.enforcement.kit import sign_in
from tests.factories import make_user

pytestmark = pytest.mark.django_db
FORGED = "request-id-of-somebody"


@pytest.mark.parametrize("path", ["/", "/settings/", "/settings/security/", "/settings/password/"])
def test_a_page_of_a_person_is_kept_nowhere(path: str) -> None:
    client = sign_in(make_user())
    assert "no-store" in client.get(path)["Cache-Control"]


def test_a_page_for_anybody_says_nothing_of_it() -> None:
    assert "no-store" not in Client().get("/password/reset/").get("Cache-Control", "")


@pytest.mark.parametrize(("proxies", "is_taken"), [(0, False), (1, True)])
def test_a_request_id_is_taken_from_a_proxy_of_ours_alone(
    proxies: int, is_taken: bool, settings: Settings
) -> None:
    settings.TRUSTED_PROXIES = proxies
    given = {"email": "nobody@northwind.example", "password": "wrong words"}
    response = Client().post("/login/", given, headers={"X-Request-ID": FORGED})
    row = AuditEvent.objects.get()
    assert (row.request_id == FORGED) is is_taken
    assert response["X-Request-ID"] == row.request_id
