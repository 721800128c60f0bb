"""Support's desk for one person: passes, resets, keeping out, staff; and who may do which."""

import re
from typing import Any

import pytest
from django.test import Client

from accounts.models import Account, AuditEvent, EndReason, Membership, Notice, Role, User
from enforcement import passes
from enforcement.models import Pass
from tests.enforcement.desk import (
    owner_browser,
    person_page,
    root_browser,
    support_browser,
)
from tests.enforcement.kit import (
    PAGE,
    browser,
    enrolled_person,
    is_in,
    sign_in,
    sign_in_with_code,
)
from tests.factories import make_account, make_user
from tests.journeys.clock import DAY, Clock
from tests.twofactor.people import NUMBER, Enrolled, enrol_app, enrol_phone
from twofactor import devices

pytestmark = pytest.mark.django_db
REASON = {"reason": "Called back on the known number."}


def text_of(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def post(client: Client, person: User, action: str, **fields: str) -> Any:
    return client.post(person_page(person, action), fields)


def events(*names: str) -> list[str]:
    rows = AuditEvent.objects.filter(event__in=names).order_by("number")
    return list(rows.values_list("event", flat=True))


# What the page shows


def test_support_reads_how_a_person_stands(dora: Enrolled) -> None:
    enrol_phone(dora.user, now=dora.user.enrolled_at or dora.user.joined_at)
    words = text_of(support_browser().get(person_page(dora.user)))
    for said in (
        "Is set up: signs in with the password and a code, because Northwind requires it.",
        "Authenticator app",
        "number ending in 23",
        "Backup codes left 10",
        "Required by Northwind",
        "Grant a pass…",
    ):
        assert said in words, said


def test_no_page_of_a_person_holds_a_secret(dora: Enrolled) -> None:
    enrol_phone(dora.user, now=dora.user.enrolled_at or dora.user.joined_at)
    user = User.objects.get(pk=dora.user.pk)
    client = root_browser()
    pages = ["change", "pass", "pass_revoke", "reset", "deactivate", "reactivate", "staff"]
    paths = [person_page(user, page) for page in pages]
    for path in [*paths, "/admin/accounts/user/", "/admin/accounts/auditevent/"]:
        page = client.get(path).content.decode()
        for secret in (
            dora.secret, NUMBER, NUMBER[1:], user.password, user.stamp, user.session_salt,
            user.mailbox_nonce, *dora.codes,
        ):  # fmt: skip
            assert secret not in page, path


@pytest.mark.proves("S39")
def test_the_person_page_takes_no_form(dora: Enrolled) -> None:
    fields = {field.name: "1" for field in User._meta.fields}
    before = User.objects.filter(pk=dora.user.pk).values().get()
    assert root_browser().post(person_page(dora.user), fields).status_code == 405
    assert User.objects.filter(pk=dora.user.pk).values().get() == before


def test_people_are_found_by_name_and_address(dora: Enrolled) -> None:
    client = support_browser()
    for query in ("dora@", "Dora", "DORA"):
        found = client.get(f"/admin/accounts/user/?q={query}").context["cl"].result_list
        assert [person.email for person in found] == ["dora@northwind.example"], query


@pytest.mark.parametrize(
    "lookup", ["password__startswith=a", "stamp__gt=a", "mailbox_nonce=a", "groups__name=a",
               "memberships__account__name__startswith=N"],
)  # fmt: skip
def test_lists_answer_no_question_about_other_columns(lookup: str) -> None:
    answer = root_browser().get(f"/admin/accounts/user/?{lookup}")
    assert answer.status_code == 400


def test_the_list_costs_the_same_for_any_number_of_people(
    dora: Enrolled, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        make_user(f"p{number}@northwind.example")
    client = support_browser()
    with django_assert_max_num_queries(8):
        client.get("/admin/accounts/user/")


# Passes


@pytest.mark.proves("S39", "S40")
def test_support_grants_a_pass_with_a_reason(dora: Enrolled, clock: Clock) -> None:
    client = support_browser()
    page = text_of(client.get(person_page(dora.user, "pass")))
    assert "Granted now, it ends Thursday, 26 November 2026, 10:30:10 UTC" in page
    assert "required" in text_of(post(client, dora.user, "pass", reason=" "))
    assert not Pass.objects.exists()
    answer = post(client, dora.user, "pass", **REASON, ticket="T-1", until="2030-01-01")
    assert answer["Location"] == person_page(dora.user)
    granted = Pass.objects.get()
    assert (granted.until, granted.ticket) == (clock.now + DAY, "T-1")
    assert granted.granted_by is not None
    assert granted.granted_by.email == "support@gatehouse.example"
    assert Notice.objects.filter(kind="pass_granted", user=dora.user).count() == 1
    assert "Is on a pass" in text_of(client.get(person_page(dora.user)))


@pytest.mark.proves("S39", "B103")
def test_a_second_grant_says_that_a_pass_is_running(dora: Enrolled, clock: Clock) -> None:
    client = support_browser()
    post(client, dora.user, "pass", **REASON)
    until = Pass.objects.get().until
    clock.forward(minutes=5)
    answer = post(client, dora.user, "pass", **REASON)
    assert answer.headers["Location"] == person_page(dora.user)
    assert "A pass is already running." in text_of(client.get(person_page(dora.user)))
    assert Pass.objects.get().until == until
    assert events("pass_refused") == ["pass_refused"]


@pytest.mark.proves("B103")
def test_looking_grants_and_revokes_nothing(dora: Enrolled) -> None:
    client = root_browser()
    for action in ("pass", "reset", "deactivate", "staff"):
        client.get(person_page(dora.user, action), REASON)
        client.head(person_page(dora.user, action))
    assert not Pass.objects.exists()
    assert devices.has_device(dora.user)
    post(client, dora.user, "pass", **REASON)
    client.get(person_page(dora.user, "pass_revoke"))
    assert Pass.objects.get().closed_at is None


def roles(dora: Enrolled, northwind: Account, owner: User) -> dict[str, Client]:
    """Return a browser for each role; nobody but the last two is support."""
    other = make_user("foreign@solo.example")
    make_account("solo", owner=other)
    admin, member = make_user("admin@northwind.example"), make_user("member@northwind.example")
    for person, role in ((admin, Role.ADMIN), (member, Role.MEMBER)):
        Membership.objects.create(
            account=northwind, user=person, role=role, joined_at=northwind.created_at
        )
    return {
        "nobody": browser(),
        "self": sign_in_with_code(dora),
        "member": sign_in(member),
        "admin": sign_in(admin),
        "foreign owner": sign_in(other),
        "owner": sign_in(owner),
        "support": support_browser(),
        "superuser": root_browser(),
    }


MAY_GRANT = {"support", "superuser"}
MAY_REVOKE = {"owner", "support", "superuser"}


@pytest.mark.proves("B103")
def test_who_grants_a_pass(dora: Enrolled, northwind: Account, owner: User) -> None:
    for role, client in roles(dora, northwind, owner).items():
        post(client, dora.user, "pass", **REASON)
        assert Pass.objects.exists() is (role in MAY_GRANT), role
        Pass.objects.all().delete()
        User.objects.filter(pk=dora.user.pk).update(pass_until=None)


def test_who_revokes_a_pass(dora: Enrolled, northwind: Account, owner: User, clock: Clock) -> None:
    clients = roles(dora, northwind, owner)
    for role, client in clients.items():
        passes.grant_pass(user=dora.user, actor=None, reason="lost", now=clock.now)
        post(client, dora.user, "pass_revoke")
        revoked = passes.open_pass(dora.user) is None
        assert revoked is (role in MAY_REVOKE), role
        if not revoked:
            passes.revoke_pass(user=dora.user, actor=None, now=clock.now)


def test_who_resets(dora: Enrolled, northwind: Account, owner: User, clock: Clock) -> None:
    for role, client in roles(dora, northwind, owner).items():
        post(client, dora.user, "reset", **REASON)
        was_reset = not devices.has_device(dora.user)
        assert was_reset is (role in MAY_GRANT), role
        if was_reset:
            enrol_app(User.objects.get(pk=dora.user.pk), now=clock.now)


@pytest.mark.parametrize("action", ["deactivate", "staff"])
def test_who_deactivates_and_who_makes_staff(
    action: str, dora: Enrolled, northwind: Account, owner: User
) -> None:
    may = {"deactivate": {"support", "superuser"}, "staff": {"superuser"}}[action]
    for role, client in roles(dora, northwind, owner).items():
        post(client, dora.user, action, is_staff="on")
        person = User.objects.get(pk=dora.user.pk)
        assert (person.is_staff or not person.is_active) is (role in may), role
        User.objects.filter(pk=dora.user.pk).update(is_active=True, is_staff=False)


@pytest.mark.parametrize("action", ["pass", "reset", "deactivate", "staff"])
def test_nobody_does_it_to_themselves(action: str) -> None:
    client = root_browser()
    root = User.objects.get(email="root@gatehouse.example")
    answer = post(client, root, action, **REASON)
    assert answer.status_code == 409
    assert "themselves" in text_of(answer)
    assert (User.objects.get(pk=root.pk).is_active, Pass.objects.count()) == (True, 0)
    assert devices.has_device(root)
    assert events("pass_refused") == ["pass_refused"]


@pytest.mark.parametrize("action", ["pass", "reset", "deactivate"])
def test_staff_are_helped_by_superusers_alone(action: str) -> None:
    target = enrolled_person(email="colleague@gatehouse.example", is_staff=True).user
    answer = post(support_browser(), target, action, **REASON)
    assert answer.status_code == 409
    assert "Only a superuser" in text_of(answer)
    assert post(root_browser(), target, action, **REASON).status_code == 302


@pytest.mark.proves("B103")
@pytest.mark.parametrize("action", ["pass", "reset", "deactivate", "reactivate", "staff"])
def test_support_gives_a_device_again_after_ten_minutes(
    action: str, dora: Enrolled, clock: Clock
) -> None:
    client = root_browser()
    clock.forward(minutes=10)
    for answer in (
        client.get(person_page(dora.user, action)),
        post(client, dora.user, action, **REASON),
    ):
        assert answer["Location"].startswith("/reauthenticate/?next="), action
    assert not Pass.objects.exists()
    assert devices.has_device(dora.user)


def test_a_backup_code_is_not_enough(dora: Enrolled) -> None:
    enrolled = enrolled_person(email="s@gatehouse.example", is_staff=True)
    client = sign_in(enrolled.user)
    client.post("/login/recovery/", {"code": enrolled.codes[0]})
    assert is_in(client)
    answer = post(client, dora.user, "pass", **REASON)
    assert answer["Location"].startswith("/reauthenticate/")
    assert not Pass.objects.exists()


def test_a_form_without_its_token_is_refused(dora: Enrolled) -> None:
    strict = Client(enforce_csrf_checks=True, headers=PAGE)
    strict.cookies = root_browser().cookies
    for action in ("pass", "reset", "deactivate", "reactivate", "staff", "pass_revoke"):
        assert post(strict, dora.user, action, **REASON).status_code == 403, action
    assert not Pass.objects.exists()


def test_a_pass_for_whom_nothing_asks_is_refused() -> None:
    person = make_user()
    answer = post(support_browser(), person, "pass", **REASON)
    assert "Nothing asks this person for a second factor." in text_of(answer)
    assert not Pass.objects.exists()


def test_owners_grant_where_the_operator_lets_them(
    dora: Enrolled, northwind: Account, owner: User, settings: Any, clock: Clock
) -> None:
    settings.TWO_FACTOR_OWNER_PASSES = True
    bare = sign_in(owner)
    assert post(bare, dora.user, "pass", **REASON)["Location"].startswith("/two-factor/setup/")
    client = sign_in_with_code(enrol_app(owner, now=clock.now))
    assert post(client, dora.user, "pass", **REASON).status_code == 302
    assert Pass.objects.get().granted_by == owner
    stranger = enrolled_person(email="stranger@solo.example").user
    assert post(client, stranger, "pass", **REASON).status_code == 404


# Reset, deactivation, staff, new people


@pytest.mark.proves("B100")
def test_a_reset_leaves_the_requirement_in_force(dora: Enrolled, clock: Clock) -> None:
    """Known fault B100: after a reset the rule bites as before."""
    theirs = sign_in_with_code(dora)
    clock.forward(hours=25)
    answer = post(support_browser(), dora.user, "reset", **REASON)
    assert answer.status_code == 302
    person = User.objects.get(pk=dora.user.pk)
    assert person.ended_reason == EndReason.RESET
    assert not is_in(theirs)
    assert not is_in(sign_in(person))
    assert Notice.objects.filter(kind="reset", user=person).count() == 1
    assert events("two_factor_reset") == ["two_factor_reset"]


def test_a_reset_needs_a_reason(dora: Enrolled) -> None:
    post(support_browser(), dora.user, "reset", reason="")
    assert devices.has_device(dora.user)


def test_a_button_without_a_field_is_refused_as_clearly(dora: Enrolled) -> None:
    """An empty form is a press, too: support has no pass to revoke."""
    answer = post(support_browser(), dora.user, "pass_revoke")
    assert answer.status_code == 409
    assert Pass.objects.count() == 0


def test_a_reset_during_a_pass_is_refused(dora: Enrolled, clock: Clock) -> None:
    passes.grant_pass(user=dora.user, actor=None, reason="lost", now=clock.now)
    answer = post(support_browser(), dora.user, "reset", **REASON)
    assert answer.status_code == 409
    assert "A pass is already running." in text_of(answer)
    assert devices.has_device(dora.user)


def test_a_person_is_kept_out_and_called_back(dora: Enrolled) -> None:
    theirs, client = sign_in_with_code(dora), support_browser()
    assert post(client, dora.user, "deactivate").status_code == 302
    assert not is_in(theirs)
    assert "deactivated" in text_of(client.get(person_page(dora.user)))
    assert post(client, dora.user, "reactivate").status_code == 302
    assert User.objects.get(pk=dora.user.pk).is_active
    assert events("person_deactivated", "person_reactivated") == [
        "person_deactivated",
        "person_reactivated",
    ]


def test_the_last_owner_is_not_kept_out(owner: User, northwind: Account) -> None:
    answer = post(support_browser(), owner, "deactivate")
    assert "Make somebody else an owner first" in text_of(answer)
    assert User.objects.get(pk=owner.pk).is_active


def test_a_superuser_adds_staff_who_choose_a_password_and_set_up() -> None:
    client = root_browser()
    given = {"email": "New@Gatehouse.example ", "name": "Nell", "is_staff": "on",
             "is_superuser": "on", "password": "x"}  # fmt: skip
    answer = client.post("/admin/accounts/user/add/", given)
    person = User.objects.get(email="new@gatehouse.example")
    assert answer["Location"] == person_page(person)
    assert (person.is_staff, person.is_superuser) == (True, False)
    assert not person.has_usable_password()
    assert Notice.objects.filter(kind="password_reset", user=person).exists()
    assert events("person_added", "staff_changed") == ["person_added", "staff_changed"]
    again = client.post("/admin/accounts/user/add/", given)
    assert "There is a sign-in with this address." in text_of(again)


def test_support_and_owners_add_nobody(owner: User, northwind: Account) -> None:
    for client in (support_browser(), owner_browser(owner)):
        for answer in (
            client.get("/admin/accounts/user/add/"),
            client.post("/admin/accounts/user/add/", {"email": "x@y.example"}),
        ):
            assert answer.status_code == 403
    assert not User.objects.filter(email="x@y.example").exists()


def test_the_desk_shows_who_waits_and_who_is_on_a_pass(dora: Enrolled, clock: Clock) -> None:
    passes.ask_for_pass(user=dora.user, message="My phone fell into the canal.", now=clock.now)
    client = support_browser()
    words = text_of(client.get("/admin/"))
    assert "My phone fell into the canal." in words
    assert "Northwind on Thu 26 Nov 2026, 10:30 UTC" in words
    post(client, dora.user, "pass", **REASON)
    clock.forward(hours=23, minutes=45)
    words = text_of(support_browser("late@gatehouse.example").get("/admin/"))
    assert "My phone fell" not in words
    assert "15 minutes left" in words
