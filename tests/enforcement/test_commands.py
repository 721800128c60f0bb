"""The commands of the operator: what they print, what they refuse, and in one line."""

import csv
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import get_commands, load_command_class

from accounts.models import Account, AuditEvent, Membership, Notice, Plan, Role, User
from enforcement import passes, policies
from enforcement.models import Pass, Policy
from tests.enforcement.kit import DAY, HOUR, browser, enrolled_person, sign_in
from tests.enforcement.shell import refused, run, run_json
from tests.factories import make_account, make_user
from tests.journeys.clock import Clock
from tests.twofactor.people import enrol_app

pytestmark = pytest.mark.django_db

PASSWORD = "a long enough password"


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the commands read as standard input."""
    given = io.StringIO(f"{PASSWORD}\n")
    monkeypatch.setattr(sys, "stdin", given)
    return given


@pytest.mark.parametrize("command", [["standing"], ["grant_pass", "--reason", "lost"]])
def test_an_argument_in_another_encoding_is_one_line(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    name, *options = command
    found = load_command_class(get_commands()[name], name)
    with pytest.raises(SystemExit) as ended:
        found.run_from_argv(["manage.py", name, "j\udcfcrgen@northwind.example", *options])
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"{name}: arguments are read as UTF-8.\n"


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


# policy


def test_policy_on_off_and_show(northwind: Account, owner: User, clock: Clock) -> None:
    assert run_json("policy", "northwind", "show") == {"account": "northwind", "required": False}
    shown = run_json("policy", "northwind", "on", "--by", owner.email)
    assert shown == {
        "account": "northwind",
        "required": True,
        "starts_at": clock.now.isoformat(),
        "deadline": (clock.now + DAY).isoformat(),
        "started_by": owner.email,
    }
    assert run_json("policy", "northwind", "show") == shown
    assert f"deadline: {shown['deadline']}" in run("policy", "northwind", "show")
    assert run_json("policy", "northwind", "off") == {"account": "northwind", "required": False}
    events = AuditEvent.objects.order_by("number").values_list("event", "actor_id")
    assert list(events) == [("policy_on", owner.pk), ("policy_off", None)]


def test_policy_preview_shows_what_would_be(
    northwind: Account, owner: User, ada: User, clock: Clock
) -> None:
    northwind.email_domains = ["northwind.example"]
    northwind.save()
    outside = make_user("zoe@personal.example")
    Membership.objects.create(account=northwind, user=outside, joined_at=clock.now)
    enrol_app(ada, now=clock.now)
    User.objects.filter(pk=owner.pk).update(mail_failed_at=clock.now)
    shown = run_json("policy", "northwind", "preview")
    assert shown["deadline"] == (clock.now + DAY).isoformat()
    assert shown["open_invitations"] == 0
    assert shown["members"] == [
        {
            "email": email,
            "outcome": outcome,
            "no_working_email": email == owner.email,
            "outside_domains": email == outside.email,
            "signs_in_by_password": False,
        }
        for email, outcome in [
            (ada.email, "ready"),
            (owner.email, "must_act"),
            (outside.email, "must_act"),
        ]
    ]
    assert not Policy.objects.exists()
    assert ada.email in run("policy", "northwind", "preview")


def test_policy_refuses_bad_input_in_one_line(northwind: Account, ada: User, clock: Clock) -> None:
    make_account("free", plan=Plan.FREE)
    assert "no account" in refused("policy", "nowhere", "show")
    assert "Enterprise" in refused("policy", "free", "on")
    assert "owner" in refused("policy", "northwind", "on", "--by", ada.email)
    assert "Nobody signs in" in refused("policy", "northwind", "on", "--by", "x@y.example")
    assert "choose from" in refused("policy", "northwind", "maybe")
    assert not Policy.objects.exists()


# standing


def test_standing_tells_what_by_when_and_why(northwind: Account, ada: User, clock: Clock) -> None:
    deadline = policies.switch_on(account=northwind, actor=None, now=clock.now).deadline
    shown = run_json("standing", "ADA@northwind.example")
    assert shown == {
        "email": ada.email,
        "words": "Must set up two-factor authentication by Thursday, 26 November 2026, 10:30:10 "
        "UTC, because Northwind requires it; works as before until then.",
        "active": True,
        "step": "enrol_soon",
        "until": deadline.isoformat(),
        "has_device": False,
        "pass_until": None,
        "pass_ran_out": False,
        "staff": False,
        "exempt_through_sso": [],
        "accounts": [{"account": "northwind", "due_at": deadline.isoformat()}],
    }
    assert "step: enrol_soon" in run("standing", ada.email)
    clock.set(deadline)
    assert run_json("standing", ada.email)["step"] == "enrol_now"
    enrol_app(ada, now=clock.now)
    assert run_json("standing", ada.email)["step"] == "code_needed"
    assert "Nobody signs in" in refused("standing", "nobody@x.example")


# grant_pass, revoke_pass


def test_grant_pass_and_revoke_pass(northwind: Account, ada: User, clock: Clock) -> None:
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    line = run("grant_pass", ada.email, "--reason", "Lost phone", "--ticket", "T-1")
    granted = Pass.objects.get()
    assert granted.until.isoformat() in line
    assert (granted.reason, granted.ticket, granted.granted_by) == ("Lost phone", "T-1", None)
    assert "already running" in refused("grant_pass", ada.email, "--reason", "Again")
    assert "has ended" in run("revoke_pass", ada.email)
    assert "no pass" in refused("revoke_pass", ada.email)


def test_grant_pass_by_a_person_asks_the_same_as_the_desk(
    northwind: Account, ada: User, owner: User, clock: Clock
) -> None:
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    assert "Only support" in refused("grant_pass", ada.email, "--reason", "x", "--by", owner.email)
    support = enrolled_person(is_staff=True).user
    run("grant_pass", ada.email, "--reason", "x", "--by", support.email)
    assert Pass.objects.get().granted_by == support


def test_grant_pass_refuses_bad_input_in_one_line(
    northwind: Account, ada: User, clock: Clock
) -> None:
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    assert "--reason" in refused("grant_pass", ada.email)
    assert "reason" in refused("grant_pass", ada.email, "--reason", " ")
    assert "300" in refused("grant_pass", ada.email, "--reason", "x" * 301)
    assert "Nobody signs in" in refused("grant_pass", "x@y.example", "--reason", "x")
    assert "Nobody signs in" in refused("revoke_pass", "x@y.example")
    assert not Pass.objects.exists()


# report


def test_report_lists_every_member(
    northwind: Account, owner: User, ada: User, clock: Clock
) -> None:
    deadline = policies.switch_on(account=northwind, actor=None, now=clock.now).deadline
    passes.grant_pass(user=ada, actor=None, reason="Lost phone", now=clock.now)
    rows = run_json("report", "northwind")
    shown = list(rows[0])[:8]
    assert [{name: row[name] for name in shown} for row in rows] == [
        {
            "email": ada.email,
            "name": "Ada Lovelace",
            "role": "member",
            "outcome": "on_pass",
            "step": "on_pass",
            "until": (clock.now + DAY).isoformat(),
            "no_working_email": False,
            "outside_domains": False,
        },
        {
            "email": owner.email,
            "name": "Olga Owner",
            "role": "owner",
            "outcome": "must_act",
            "step": "enrol_soon",
            "until": deadline.isoformat(),
            "no_working_email": False,
            "outside_domains": False,
        },
    ]
    assert [row["reason"] for row in rows] == [
        f"has a pass until {(clock.now + DAY).isoformat()}",
        f"has not set up yet; has until {deadline.isoformat()}",
    ]
    found = list(csv.DictReader(io.StringIO(run("report", "northwind", "--csv"))))
    assert [row["email"] for row in found] == [ada.email, owner.email]
    assert set(found[0]) == set(rows[0])
    assert ada.email in run("report", "northwind")


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_no_name_is_a_formula_in_a_table(name: str, northwind: Account, ada: User) -> None:
    User.objects.filter(pk=ada.pk).update(name=name)
    (row, _) = csv.DictReader(io.StringIO(run("report", "northwind", "--csv"), newline=""))
    assert row["name"].startswith("'")


def test_report_refuses_bad_input_in_one_line(northwind: Account) -> None:
    assert "no account" in refused("report", "nowhere")
    assert "not allowed with" in refused("report", "northwind", "--csv", "--json")


# setup_link, rotate_keys, seed_demo


def test_setup_link_proves_the_mailbox(ada: User, northwind: Account, clock: Clock) -> None:
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    clock.forward(days=1)
    link = run("setup_link", ada.email)
    client = browser()
    assert client.get(link.removeprefix("http://testserver")).status_code == 302
    sign_in(ada, client=client)
    assert client.get("/two-factor/setup/app/").status_code == 200
    assert "Nobody signs in" in refused("setup_link", "x@y.example")


def test_rotate_keys_moves_what_is_sealed(clock: Clock, settings: Any) -> None:
    enrolled = enrolled_person()
    settings.FIELD_KEYS = ["a-newer-key-of-more-than-32-bytes!!", *settings.FIELD_KEYS]
    assert f"keep it until {clock.now + 7 * DAY:%Y-%m-%d %H:%M} UTC." in run("rotate_keys")
    settings.FIELD_KEYS = settings.FIELD_KEYS[:1]
    assert "until" not in run("rotate_keys")
    assert enrolled.app
    enrolled.app.refresh_from_db()
    assert enrolled.app.open_secret() == enrolled.secret
    settings.FIELD_KEYS = ["quite-another-key-of-more-than-32-b"]
    assert "none of FIELD_KEYS" in refused("rotate_keys")


def test_seed_demo_makes_the_demo_once(clock: Clock) -> None:
    assert run("seed_demo") == "The demo is ready."
    counts = (User.objects.count(), Membership.objects.count(), Account.objects.count())
    assert run("seed_demo") == "The demo is there already."
    assert counts == (User.objects.count(), Membership.objects.count(), Account.objects.count())
    assert counts == (8, 7, 2)
    northwind = Account.objects.get(slug="northwind")
    assert northwind.can_require_two_factor
    assert not Account.objects.get(slug="solo").can_require_two_factor
    assert User.objects.get(email="support@gatehouse.example").is_bound_staff
    assert User.objects.get(email="root@gatehouse.example").is_superuser


def test_seed_demo_is_refused_where_no_password_is_set(settings: Any) -> None:
    settings.DEMO_PASSWORD = ""
    assert "local settings" in refused("seed_demo")


def test_bad_input_is_one_line_on_stderr_and_a_status(tmp_path: Path) -> None:
    """As the shell sees it: no traceback, nothing on stdout."""
    root = Path(__file__).parents[2]
    found = subprocess.run(
        [sys.executable, "manage.py", "create_account", "N", "--owner", "nobody"],
        cwd=root,
        env={"DJANGO_SETTINGS_MODULE": "settings.local", "PATH": "", "VAR_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode != 0
    assert found.stdout == ""
    assert found.stderr.strip().splitlines() == ["CommandError: 'nobody' is no email address."]


@pytest.mark.proves("B27")
def test_commands_are_bound_by_nothing(northwind: Account, ada: User, clock: Clock) -> None:
    """Whatever is required of people, the operator's commands go on working."""
    policies.switch_on(account=northwind, actor=None, now=clock.now - 2 * DAY)
    for arguments in (
        ["policy", "northwind", "show"],
        ["report", "northwind"],
        ["standing", ada.email],
        ["verify_audit"],
    ):
        run(*arguments)
    clock.set(clock.now + HOUR)
