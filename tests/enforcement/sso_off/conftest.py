"""A provider that exempts: the tests switch it off, or cut it off."""

import pytest

from accounts.models import Account, Provider, User
from tests.factories import make_identity, make_provider
from tests.journeys.clock import Clock


@pytest.fixture
def provider(northwind: Account, ada: User, clock: Clock) -> Provider:
    """Northwind's, through which Ada came last."""
    found = make_provider(northwind, now=clock.now)
    make_identity(found, ada, now=clock.now)
    User.objects.filter(pk=ada.pk).update(last_provider=found)
    ada.refresh_from_db()
    return found
