"""The commands that make accounts and people: what they print, and refuse in one line."""

import io
import sys

import pytest

from accounts.models import Account, Membership, Notice, Plan, Role, User
from enforcement import policies
from tests.enforcement.shell import refused, run
from tests.factories import make_user
from tests.journeys.clock import Clock

pytestmark = pytest.mark.django_db

PASSWORD = "a long enough password"


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the commands read as standard input."""
    given = io.StringIO(f"{PASSWORD}\n")
    monkeypatch.setattr(sys, "stdin", given)
    return given


@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])
def test_a_password_in_another_encoding_is_one_line(
    errors: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = io.TextIOWrapper(io.BytesIO(b"lang genug, f\xfcr alle\n"), "utf-8", errors)
    monkeypatch.setattr(sys, "stdin", typed)
    line = refused("create_account", "N", "--owner", "o@n.example", "--password-stdin")
    assert line == "A password is read as UTF-8."


# create_account


def test_create_account_makes_account_and_owner_and_prints_the_slug(
    clock: Clock, typed: io.StringIO
) -> None:
    owner = "Olga@Northwind.example"
    printed = run(
        "create_account", "North & Wind", "--owner", owner, "--plan", "enterprise",
        "--password-stdin",
    )  # fmt: skip
    account = Account.objects.get()
    assert printed == account.slug == "north-wind"
    assert (account.name, account.plan) == ("North & Wind", Plan.ENTERPRISE)
    membership = Membership.objects.get()
    assert (membership.user.email, membership.role) == ("olga@northwind.example", Role.OWNER)
    assert membership.user.check_password(PASSWORD)


def test_create_account_without_a_password_makes_a_sign_in_without_one(clock: Clock) -> None:
    run("create_account", "Northwind", "--owner", "olga@northwind.example")
    assert not User.objects.get().has_usable_password()
    assert Account.objects.get().plan == Plan.FREE


def test_create_account_takes_no_deactivated_owner(clock: Clock) -> None:
    gone = make_user(is_active=False)
    line = refused("create_account", "Northwind", "--owner", gone.email)
    assert line == f"{gone.email} is deactivated, and an account always has an active owner."
    assert not Account.objects.exists()


def test_create_account_finds_a_free_slug(clock: Clock) -> None:
    slugs = [run("create_account", "Northwind", "--owner", "o@n.example") for _ in range(3)]
    assert slugs == ["northwind", "northwind-2", "northwind-3"]
    assert run("create_account", "北風", "--owner", "o@n.example") == "account"
    assert User.objects.count() == 1


def test_no_account_is_called_what_a_form_calls_all_of_them(clock: Clock) -> None:
    assert run("create_account", "All", "--owner", "o@n.example") == "all-2"


@pytest.mark.parametrize(
    "arguments",
    [
        ["", "--owner", "o@n.example"],
        ["x" * 101, "--owner", "o@n.example"],
        ["Northwind", "--owner", "nobody"],
        ["Northwind", "--owner", ""],
        ["Northwind"],
        ["Northwind", "--owner", "o@n.example", "--plan", "gold"],
    ],
)
def test_create_account_refuses_bad_input_in_one_line(arguments: list[str]) -> None:
    refused("create_account", *arguments)
    assert not Account.objects.exists()
    assert not User.objects.exists()


def test_create_account_refuses_a_weak_password(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for weak in ("short\n", "password1234\n", ""):
        monkeypatch.setattr(sys, "stdin", io.StringIO(weak))
        refused("create_account", "Northwind", "--owner", "o@n.example", "--password-stdin")
    assert not User.objects.exists()


def test_create_account_keeps_the_password_of_who_has_one(clock: Clock, typed: io.StringIO) -> None:
    person = make_user("olga@northwind.example")
    line = refused("create_account", "N", "--owner", person.email, "--password-stdin")
    assert "stays as it is" in line
    assert not Account.objects.exists()


# add_member


def test_a_new_owner_without_a_password_is_mailed_the_way_to_one(clock: Clock) -> None:
    run("create_account", "Northwind", "--owner", "olga@northwind.example")
    assert Notice.objects.get().kind == "password_reset"


def test_add_member_adds_a_new_person_and_mails_the_way_to_a_password(
    northwind: Account, clock: Clock
) -> None:
    line = run("add_member", "northwind", "NEW@northwind.example", "--role", "admin")
    assert "new@northwind.example is now admin of northwind" in line
    membership = Membership.objects.get(user__email="new@northwind.example")
    assert membership.role == Role.ADMIN
    assert Notice.objects.filter(kind="password_reset", user=membership.user).exists()


def test_add_member_to_an_account_that_requires_it_says_so_by_mail(
    northwind: Account, ada: User, clock: Clock
) -> None:
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    clock.forward(seconds=1)
    person = make_user()
    run("add_member", "northwind", person.email)
    assert Notice.objects.filter(kind="due_at_once", user=person).exists()


def test_add_member_refuses_bad_input_in_one_line(
    northwind: Account, ada: User, clock: Clock, typed: io.StringIO
) -> None:
    assert "no account" in refused("add_member", "nowhere", "a@b.example")
    assert "no email address" in refused("add_member", "northwind", "nobody")
    assert "member of northwind already" in refused("add_member", "northwind", ada.email)
    assert "choose from" in refused("add_member", "northwind", "a@b.example", "--role", "king")
    person = make_user()
    assert "stays" in refused("add_member", "northwind", person.email, "--password-stdin")
    assert not Membership.objects.filter(user=person).exists()
