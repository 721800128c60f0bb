"""How support grants a pass, for the journeys that need one."""

from django.urls import reverse

from accounts.models import User
from enforcement.models import Pass
from tests.journeys.driver import Browser

REASON = "Called back on the known number"


def person_page(person: User, action: str = "change") -> str:
    return reverse(f"admin:accounts_user_{action}", args=[person.pk])


def grant(support: Browser, person: User) -> Pass:
    """Grant a pass on the person's page in the admin, as support does."""
    support.open(person_page(person))
    support.follow("Grant a pass")
    support.submit(person_page(person, "pass"), reason=REASON)
    assert support.page.path == person_page(person)
    return Pass.objects.get(user=person, closed_at=None)
