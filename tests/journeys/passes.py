"""How support grants a pass, for the journeys that need one."""

from accounts.models import User
from enforcement.models import Pass
from tests.enforcement.desk import person_page
from tests.journeys.driver import Browser

REASON = "Called back on the known number"


def grant(support: Browser, person: User) -> Pass:
    """Grant a pass on the person's page in the admin, as support does."""
    support.open(person_page(person))
    support.follow("Grant a pass")
    support.submit(person_page(person, "pass"), reason=REASON)
    assert support.page.path == person_page(person)
    return Pass.objects.get(user=person, closed_at=None)
