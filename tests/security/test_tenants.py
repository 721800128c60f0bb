"""One account's people look for another's, where somebody belongs to both."""

import pytest

from accounts.models import Account, Membership, Role, User
from enforcement import passes, policies
from tests.enforcement.desk import person_page
from tests.enforcement.kit import browser, sign_in
from tests.factories import make_account, make_user
from tests.journeys.clock import Clock

pytestmark = pytest.mark.django_db

WORDS = "She works on our merger; I spoke to her."


@pytest.fixture
def dan(clock: Clock) -> User:
    return make_user("dan@personal.example")


@pytest.fixture
def ours(dan: User, clock: Clock) -> Account:
    """An account that requires 2FA of Dan, as another does, whose admin vouched for him."""
    owner = make_user("owner@ours.example")
    ours = make_account("ours", owner=owner, members=(dan,))
    theirs = make_account("theirs", members=(dan,))
    admin = make_user("admin@theirs.example", name="Adam of Theirs")
    Membership.objects.create(account=theirs, user=admin, role=Role.ADMIN)
    clock.forward(hours=1)
    for account in (ours, theirs):
        policies.switch_on(account=account, actor=None, now=clock.now)
    asked = passes.ask_for_pass(user=dan, message="My phone is gone.", now=clock.now)
    passes.endorse_request(asked=asked, account=theirs, actor=admin, message=WORDS, now=clock.now)
    return ours


@pytest.mark.proves("S53")
def test_an_admin_who_vouched_stays_unknown_to_another_accounts_owner(
    ours: Account, dan: User
) -> None:
    """Neither the name nor the words of a stranger, on the desk, person and pass pages."""
    owner = User.objects.get(email="owner@ours.example")
    client = sign_in(owner, client=browser())
    membership = Membership.objects.get(account=ours, user=dan)
    for path in (
        "/admin/",
        person_page(dan),
        f"/accounts/ours/members/{membership.pk}/pass/",
    ):
        text = client.get(path).content.decode()
        assert "My phone is gone." in text, path
        assert "Adam" not in text, path
        assert "merger" not in text, path


@pytest.mark.proves("S53")
def test_the_own_accounts_admin_who_vouched_is_named(ours: Account, dan: User) -> None:
    """What is the own account's is shown."""
    theirs = Membership.objects.get(account__slug="theirs", role=Role.OWNER)
    client = sign_in(theirs.user, client=browser())
    text = client.get(person_page(dan)).content.decode()
    assert "Adam of Theirs" in text
    assert "merger" in text
