"""Fills a product's database for the pictures: `python -m deploy.pictures.stage FILE SCENE…`.

A scene is an account as an owner or support may find it at some hour; what lies in the past is
done at its instant, by the product's own functions. To add one, write a function and name it in
``SCENES``. FILE gets the secrets of the apps of those who sign in for a picture.
"""

import json
import os
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings.local")
django.setup()

import time_machine  # noqa: E402 - all of this needs Django set up
from django.conf import settings  # noqa: E402
from django.db import transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from accounts import delivery, invitations, people  # noqa: E402
from accounts.models import Account, Notice, Plan, Role, User  # noqa: E402
from bench.people import cheap_backup_codes, enrol, sign_in  # noqa: E402
from enforcement import joining, passes, policies, tasks  # noqa: E402
from twofactor.models import BackupCodeSet  # noqa: E402

HOUR = timedelta(hours=1)
SUPPORT = "sue@gatehouse.example"
SECRETS: dict[str, str] = {}  # of apps, by address
NAMES = (
    "Ada Lovelace", "Ben Okafor", "Chloe Martin", "Daniel Weiss", "Emre Yilmaz", "Fatima Haddad",
    "Grace Chen", "Hugo Silva", "Ines Keller", "Jonas Berg", "Kavya Rao", "Liam Murphy",
    "Mara Novak", "Noah Brandt", "Oona Laine", "Pavel Dvorak", "Quentin Roy", "Rosa Conti",
    "Samir Khan", "Tara Singh", "Uma Patel", "Victor Hahn", "Wanda Kowalska", "Yuki Tanaka",
)  # fmt: skip


def at(instant: datetime, work: Callable[[], object]) -> None:
    """Do ``work`` as if it were then."""
    with time_machine.travel(instant, tick=False), cheap_backup_codes():
        work()


def company(slug: str, *, since: datetime) -> tuple[Account, list[User]]:
    """Make an account with an owner, and members with names; the last two use other addresses."""
    account = Account.objects.create(
        name=slug.title(),
        slug=slug,
        plan=Plan.ENTERPRISE,
        email_domains=[f"{slug}.example"],
        created_at=since,
    )
    found = []
    for number, name in enumerate(("Olivia Owner", *NAMES)):
        first = name.split()[0].lower()
        domain = "personal.example" if number > len(NAMES) - 2 else f"{slug}.example"
        address = f"{first}@{domain}" if number <= len(NAMES) - 2 else f"{first}.{slug}@{domain}"
        person = people.create(
            email=address, name=name, password=settings.DEMO_PASSWORD, actor=None, now=since
        )
        role = Role.MEMBER if number else Role.OWNER
        User.objects.filter(pk=person.pk).update(time_zone="Europe/Paris")
        joining.add_by_hand(user=person, account=account, role=role, actor=None, now=since)
        found.append(person)
    invitations.invite(
        account=account, email=f"new@{slug}.example", role=Role.MEMBER, actor=found[0],
        now=timezone.now(),
    )  # fmt: skip
    return account, found


def set_up(person: User, *, now: datetime) -> None:
    at(now, lambda: enrol(person, now=now))


@transaction.atomic
def announce(account: Account, members: list[User], *, now: datetime) -> None:
    """Switch on and mail at once, before the product's own worker can see that it is owed."""
    for person in members[19:]:
        sign_in(person, verified=False, now=now)
    policies.switch_on(account=account, actor=members[0], now=now)
    tasks.carry_out(now=now)
    while delivery.send_due(now=now):
        pass


def with_app(person: User, *, now: datetime) -> None:
    """Set up an app whose secret the browser learns: for whoever signs in for a picture."""
    with time_machine.travel(now, tick=False), cheap_backup_codes():
        SECRETS[person.email] = enrol(person, now=now)
    BackupCodeSet.objects.filter(user=person).update(saved_at=now)


def before(now: datetime) -> None:
    """Nothing is required yet; a few have set up where another account asked them to."""
    account, members = company("aurora", since=now - 90 * HOUR)
    for person in members[1:5]:
        set_up(person, now=now - 60 * HOUR)
    passes.grant_pass(user=members[4], actor=None, reason="Phone lost", now=now - 2 * HOUR)
    User.objects.filter(pk=members[7].pk).update(mail_failed_at=now - HOUR)
    account.save()


def during(now: datetime) -> None:
    """Fourteen hours into the window."""
    _window("borealis", now=now, since=14 * HOUR)


def after(now: datetime) -> None:
    """Five hours after the deadline: most have set up, some were signed out."""
    account, members = _window("cascade", now=now, since=29 * HOUR)
    policy = policies.current(account)
    if policy is None:
        raise RuntimeError("The window is not there.")
    with_app(members[0], now=policy.starts_at + HOUR)
    at(policy.deadline, lambda: tasks.carry_out(now=policy.deadline))
    for number, person in enumerate(members[19:22]):
        set_up(person, now=policy.deadline + (1 + number) * HOUR)
    passes.grant_pass(user=members[22], actor=None, reason="Phone lost", now=now - 2 * HOUR)


def desk(now: datetime) -> None:
    """What support finds: Chloe asks for a pass and is vouched for, Grace is on one."""
    sue = people.create(
        email=SUPPORT, name="Sue Support", password=settings.DEMO_PASSWORD, actor=None,
        now=now - 90 * HOUR,
    )  # fmt: skip
    User.objects.filter(pk=sue.pk).update(is_staff=True)
    with_app(sue, now=now - 5 * HOUR)
    account, members = company("delta", since=now - 90 * HOUR)
    olivia, chloe, grace = members[0], members[3], members[7]
    for person in (chloe, grace):
        set_up(person, now=now - 60 * HOUR)
    at(now - 30 * HOUR, lambda: announce(account, members, now=now - 30 * HOUR))
    asked = passes.ask_for_pass(
        user=chloe,
        message="My phone fell into the harbour, and the codes were in its case.",
        now=now - 0.5 * HOUR,
    )
    words = "She sits beside me, wet."
    passes.endorse_request(
        asked=asked, account=account, actor=olivia, message=words, now=now - 0.4 * HOUR
    )
    passes.grant_pass(
        user=grace, actor=None, reason="Called back on the known number", now=now - 2 * HOUR
    )


def _window(slug: str, *, now: datetime, since: timedelta) -> tuple[Account, list[User]]:
    account, members = company(slug, since=now - since - 90 * HOUR)
    start = now - since
    for person in members[1:4]:
        set_up(person, now=start - HOUR)
    at(start, lambda: announce(account, members, now=start))
    for number, person in enumerate(members[4:19]):
        moment = start + (0.5 + number * number / 18) * HOUR
        if moment < now:
            set_up(person, now=moment)
    failed = Notice.objects.filter(
        user=members[21], account_id=account.pk, kind="requirement_must_act"
    )
    failed.update(state=Notice.State.FAILED, error="SMTPRecipientsRefused 550", tries=1)
    User.objects.filter(pk=members[21].pk).update(mail_failed_at=start)
    return account, members


SCENES: dict[str, Callable[[datetime], None]] = {
    "before": before,
    "during": during,
    "after": after,
    "desk": desk,
}

if __name__ == "__main__":
    for scene in sys.argv[2:]:
        SCENES[scene](timezone.now())
    Path(sys.argv[1]).write_text(json.dumps(SECRETS))
