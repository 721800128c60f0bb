"""Each mail of the rules: what happens, and who is told of it, once, and nobody else."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from accounts import addresses, delivery, memberships, moving, passwords
from accounts.models import Account, Membership, Notice, Role, User
from enforcement import joining, leaving, passes, policies, tasks
from enforcement.models import Policy
from tests.enforcement.kit import sign_in
from tests.factories import make_account, make_user
from tests.journeys.clock import DAY, MS, Clock
from tests.twofactor.people import Enrolled, attempt_of, enrol_app, make_enrolled, redeem
from twofactor import enrolment, texts
from twofactor.redeem import Kind
from twofactor.texts import UsedUp

pytestmark = [pytest.mark.django_db, pytest.mark.proves("S62")]
HOUR = timedelta(hours=1)
FIRST_OWNER, SECOND_OWNER, ADMIN = "olga", "otto", "alex"
MUST_ACT, READY = "mia", "rita"
OUTSIDER, NEIGHBOUR = "oscar", "nora"
OWNERS = {FIRST_OWNER, SECOND_OWNER}
UNREADY = OWNERS | {ADMIN, MUST_ACT}


@dataclass(kw_only=True)
class World:
    """An account with people of each kind, beside one that nothing happens in."""

    account: Account
    clock: Clock
    people: dict[str, User]
    rita: Enrolled

    def __getitem__(self, name: str) -> User:
        user = self.people[name]
        user.refresh_from_db()
        return user

    def membership(self, name: str) -> Membership:
        return Membership.objects.get(account=self.account, user=self.people[name])

    def require(self) -> Policy:
        return policies.switch_on(account=self.account, actor=self[FIRST_OWNER], now=self.clock.now)

    def work(self, *, times: int = 1) -> None:
        for _ in range(times):
            tasks.carry_out(now=self.clock.now)
            while delivery.send_due(now=self.clock.now):
                continue


@pytest.fixture
def world(db: None, clock: Clock) -> World:
    names = (FIRST_OWNER, SECOND_OWNER, ADMIN, MUST_ACT, OUTSIDER, NEIGHBOUR)
    people = {name: make_user(f"{name}@n.example", name=name.title()) for name in names}
    rita = make_enrolled(make_user(f"{READY}@n.example", name="Rita"), now=clock.now)
    people[READY] = rita.user
    account = make_account(
        "northwind", owner=people[FIRST_OWNER], members=(people[MUST_ACT], people[READY])
    )
    for name, role in ((SECOND_OWNER, Role.OWNER), (ADMIN, Role.ADMIN)):
        Membership.objects.create(account=account, user=people[name], role=role)
    make_account("neighbours", owner=people[NEIGHBOUR])
    clock.forward(hours=1)
    return World(account=account, clock=clock, people=people, rita=rita)


def required(world: World) -> None:
    world.require()
    world.work()


def signed_in(world: World) -> None:
    sign_in(world[MUST_ACT])
    required(world)


def on_a_pass(world: World) -> None:
    required(world)
    passes.grant_pass(user=world[MUST_ACT], actor=None, reason="Lost", now=world.clock.now)
    world.work()


def nothing(world: World) -> None:
    """Nothing went before."""


# What happens.


def switch_on(world: World) -> None:
    world.require()


def switch_off(world: World) -> None:
    policies.switch_off(account=world.account, actor=world[SECOND_OWNER], now=world.clock.now)


def later(span: timedelta) -> Callable[[World], None]:
    def wait(world: World) -> None:
        world.clock.set(world.clock.now + span)

    return wait


def add(world: World) -> None:
    world.clock.set(world.clock.now + MS)
    joining.add_by_hand(
        user=world[OUTSIDER],
        account=world.account,
        role=Role.MEMBER,
        actor=world[FIRST_OWNER],
        now=world.clock.now,
    )


def set_up(world: World) -> None:
    enrol_app(world[MUST_ACT], now=world.clock.now + timedelta(minutes=5))


def replace(world: World) -> None:
    enrol_app(world[READY], now=world.clock.now + timedelta(minutes=10))


def make_codes(world: World) -> None:
    enrolment.new_codes(world[READY], stamp_read=world[READY].stamp, now=world.clock.now)


def use_code(world: World) -> None:
    given = attempt_of(world[READY], world.rita.codes[0], kind=Kind.BACKUP)
    redeem(given, now=world.clock.now)


def reset(world: World) -> None:
    enrolment.reset(world[READY], actor=None, reason="Asked", now=world.clock.now)


def ask_for_pass(world: World) -> None:
    for _ in range(2):
        passes.ask_for_pass(user=world[MUST_ACT], message="Stolen", now=world.clock.now)


def grant(world: World) -> None:
    passes.grant_pass(user=world[MUST_ACT], actor=None, reason="Lost", now=world.clock.now)


def revoke(world: World) -> None:
    passes.revoke_pass(user=world[MUST_ACT], actor=None, now=world.clock.now)


def change_password(world: World) -> None:
    passwords.change_password(
        user=world[MUST_ACT], password="another long password", now=world.clock.now
    )


def change_address(world: World) -> None:
    user = world[MUST_ACT]
    addresses.ask(user=user, email="new@n.example", needs_both=False, now=world.clock.now)
    asked = Notice.objects.get(kind="address_confirm")
    change = addresses.find(addresses.link_of(asked).split("/")[-2], now=world.clock.now)
    assert change
    assert addresses.confirm(change=change, now=world.clock.now)


def move(world: World) -> None:
    moving.move(
        user=world[MUST_ACT],
        membership_id=world.membership(MUST_ACT).pk,
        email="new@n.example",
        now=world.clock.now,
    )


def leave(world: World) -> None:
    leaving.leave(membership=world.membership(MUST_ACT), now=world.clock.now)


def remove(world: World) -> None:
    leaving.remove(
        membership=world.membership(MUST_ACT), actor=world[FIRST_OWNER], now=world.clock.now
    )


def change_role(world: World) -> None:
    memberships.change_role(
        membership=world.membership(MUST_ACT),
        role=Role.ADMIN,
        actor=world[FIRST_OWNER],
        now=world.clock.now,
    )


def mails_fail(world: World) -> None:
    for _ in range(3):
        delivery.owe_mail_trouble(world.account.pk, now=world.clock.now)


def texts_run_out(world: World) -> None:
    for reason in (UsedUp.ACCOUNT, UsedUp.ADDRESS):
        texts.tell_owners(world[MUST_ACT], reason.value, now=world.clock.now)


Told = dict[str, set[str]]
Happening = Callable[[World], None]

# What went before, what happens, and the kinds of mail that this owes, each with who gets it.
TABLE: dict[str, tuple[Happening, Happening, Told]] = {
    "requirement on": (
        nothing,
        switch_on,
        {
            "requirement_must_act": UNREADY,
            "requirement_ready": {READY},
            "owner_requirement_on": OWNERS,
        },
    ),
    "requirement off": (required, switch_off, {"owner_requirement_off": OWNERS}),
    "added by hand": (required, add, {"due_at_once": {OUTSIDER}}),
    "twelve hours before": (required, later(DAY - 12 * HOUR), {"reminder_12h": UNREADY}),
    "an hour before": (required, later(DAY - HOUR), {"reminder_1h": UNREADY}),
    "the deadline": (signed_in, later(DAY), {"signed_out": {MUST_ACT}, "owner_result": OWNERS}),
    "set up": (required, set_up, {"set_up_done": {MUST_ACT}}),
    "device replaced": (required, replace, {"device_replaced": {READY}}),
    "codes made": (required, make_codes, {"codes_made": {READY}}),
    "code used": (required, use_code, {"code_used": {READY}}),
    "reset": (required, reset, {"reset": {READY}}),
    "pass asked for": (
        required,
        ask_for_pass,
        {"pass_asked": {MUST_ACT}, "pass_asked_admins": OWNERS | {ADMIN}},
    ),
    "pass granted": (
        required,
        grant,
        {"pass_granted": {MUST_ACT}, "pass_granted_owners": OWNERS},
    ),
    "pass ends soon": (
        on_a_pass,
        later(DAY - HOUR),
        {"pass_ending_1h": {MUST_ACT}, "reminder_1h": UNREADY - {MUST_ACT}},
    ),
    "pass ended": (
        on_a_pass,
        later(DAY),
        {"pass_ended": {MUST_ACT}, "pass_ended_owners": OWNERS, "owner_result": OWNERS},
    ),
    "pass ended by set-up": (
        on_a_pass,
        set_up,
        {"set_up_done": {MUST_ACT}, "pass_ended_owners": OWNERS},
    ),
    "pass revoked": (
        on_a_pass,
        revoke,
        {"pass_revoked": {MUST_ACT}, "pass_revoked_owners": OWNERS},
    ),
    "password changed": (nothing, change_password, {"password_changed": {MUST_ACT}}),
    "address changed": (
        nothing,
        change_address,
        {"address_confirm": {"new"}, "address_changed": {MUST_ACT, "new"}},
    ),
    "membership moved": (
        nothing,
        move,
        {
            "membership_moved": {MUST_ACT, "new"},
            "membership_moved_owners": OWNERS,
            "password_reset": {"new"},
        },
    ),
    "left": (nothing, leave, {"left_account": {MUST_ACT}, "left_account_owners": OWNERS}),
    "removed": (nothing, remove, {"removed_from_account": {MUST_ACT}}),
    "role changed": (nothing, change_role, {"role_changed": {MUST_ACT}}),
    "mail trouble": (nothing, mails_fail, {"mail_trouble": OWNERS}),
    "text trouble": (nothing, texts_run_out, {"text_trouble": OWNERS}),
}


@pytest.mark.parametrize(("before", "happens", "told"), TABLE.values(), ids=TABLE)
def test_exactly_those_are_mailed_and_once(
    before: Happening, happens: Happening, told: Told, world: World
) -> None:
    before(world)
    known = set(Notice.objects.values_list("pk", flat=True))
    happens(world)
    world.work(times=2)  # who was told is not told twice
    found = Notice.objects.exclude(pk__in=known)
    pairs = sorted((one.kind, one.recipient.split("@")[0]) for one in found)
    assert pairs == sorted((kind, name) for kind, names in told.items() for name in names)


@pytest.mark.parametrize("trouble", [mails_fail, texts_run_out])
def test_owners_hear_of_trouble_once_in_24_hours(trouble: Happening, world: World) -> None:
    world.clock.set(world.clock.now.replace(hour=23, minute=55))
    trouble(world)
    began = world.clock.now
    for at, mails in ((began + HOUR, 2), (began + DAY - MS, 2), (began + DAY, 4)):
        world.clock.set(at)
        trouble(world)
        assert Notice.objects.filter(kind__endswith="_trouble").count() == mails
