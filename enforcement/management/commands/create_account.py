"""Make an account and its owner."""

from argparse import ArgumentParser
from functools import partial
from typing import Any

from django.core.management.base import CommandError
from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify

from accounts import audit, people, words
from accounts.audit import Event
from accounts.commands import OneLineCommand, beside_others
from accounts.forms import EmailChangeForm
from accounts.models import Account, Plan, Role, User
from enforcement import joining
from enforcement.management import reading

LENGTH = 100


class Command(OneLineCommand):
    help = "Make an account and its owner; prints the slug."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--owner", required=True, metavar="EMAIL")
        parser.add_argument("--plan", choices=Plan.values, default=Plan.FREE)
        parser.add_argument("--password-stdin", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        name, email = words.one_line(options["name"]), reading.address(options["owner"])
        if not name or len(name) > LENGTH:
            raise CommandError(f"A name has 1 to {LENGTH} characters.")
        password = None
        if options["password_stdin"]:
            password = reading.password_from_stdin(User(email=email))
        create = partial(_create, name, email, options["plan"], password)
        self.stdout.write(beside_others(create))


@transaction.atomic
def _create(name: str, email: str, plan: str, password: str | None) -> str:
    now = timezone.now()
    owner = User.objects.select_for_update(no_key=True).filter(email=email).first()
    if owner is None:
        owner = people.create_by_hand(email=email, password=password, now=now)
    elif password is not None:
        raise CommandError(f"{email} has a sign-in already; its password stays as it is.")
    if not owner.is_active:
        raise CommandError(f"{email} is deactivated, and an account always has an active owner.")
    account = Account.objects.create(name=name, slug=free_slug(name), plan=plan, created_at=now)
    audit.record(Event.ACCOUNT_CREATED, account=account, after={"plan": plan}, now=now)
    joining.add_by_hand(user=owner, account=account, role=Role.OWNER, actor=None, now=now)
    return account.slug


def free_slug(name: str) -> str:
    """Return a slug made of ``name`` that no account has, and that means nothing else in a form."""
    base = slugify(name)[:50] or "account"
    slug, number = base, 1
    while slug == EmailChangeForm.EVERYWHERE or Account.objects.filter(slug=slug).exists():
        number += 1
        slug = f"{base}-{number}"
    return slug
