"""Coming in through an account's provider: who is known, invited or new, and who is not."""

import pytest
from django.utils import timezone

from accounts.audit import Event
from accounts.models import AuditEvent, Identity, Membership, User
from tests.factories import make_identity, make_user
from tests.sso.kit import House, signed_in_as

pytestmark = pytest.mark.django_db


def known_ada(house: House) -> User:
    ada = make_user(house.idp.person["email"])
    Membership.objects.create(account=house.account, user=ada)
    identity = make_identity(house.provider, ada, now=timezone.now())
    Identity.objects.filter(pk=identity.pk).update(subject=house.idp.person["sub"])
    return ada


def test_whom_the_provider_knows_is_signed_in(northwind: House) -> None:
    ada = known_ada(northwind)
    answer = northwind.come_back()
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert signed_in_as(northwind.client) == ada.email
    assert northwind.client.session["sso"] == [northwind.provider.pk]
    ada.refresh_from_db()
    assert ada.last_provider == northwind.provider
    told = AuditEvent.objects.get(event=Event.SIGNED_IN).after or {}
    assert (told["method"], told["provider"]) == ("sso", northwind.provider.slug)
