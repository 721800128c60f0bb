"""The commands of the operator: what they print, what they refuse, and in one line."""

import csv
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import get_commands, load_command_class

from accounts.models import Account, AuditEvent, Membership, Plan, User
from enforcement import passes, policies
from enforcement.models import Pass, Policy
from tests.enforcement.kit import DAY, HOUR, browser, enrolled_person, sign_in
from tests.enforcement.shell import refused, run, run_json
from tests.factories import make_account, make_user
from tests.journeys.clock import Clock
from tests.twofactor.people import enrol_app

pytestmark = pytest.mark.django_db


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
