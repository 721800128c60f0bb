"""Add a person to an account by hand."""

from argparse import ArgumentParser
from functools import partial
from typing import Any

from django.core.management.base import CommandError
from django.db import transaction
from django.utils import timezone

from accounts import people
from accounts.commands import OneLineCommand, beside_others
from accounts.models import Account, Membership, Role, User
from enforcement import joining
from enforcement.management import reading

KEPT = "{} has a sign-in already; its password stays as it is."


class Command(OneLineCommand):
    help = "Add a person by hand; who has no sign-in gets one, and a mail to choose a password."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("email")
        parser.add_argument("--role", choices=Role.values, default=Role.MEMBER)
        parser.add_argument("--password-stdin", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        account, email = reading.account(options["slug"]), reading.address(options["email"])
        password = None
        if options["password_stdin"]:
            if User.objects.filter(email=email).exists():
                raise CommandError(KEPT.format(email))
            password = reading.password_from_stdin(User(email=email))
        beside_others(partial(_add, account, email, options["role"], password))
        self.stdout.write(f"{email} is now {options['role']} of {account.slug}.")


@transaction.atomic
def _add(account: Account, email: str, role: str, password: str | None) -> None:
    now = timezone.now()
    user = User.objects.filter(email=email).first()
    if user is not None and Membership.objects.filter(account=account, user=user).exists():
        raise CommandError(f"{email} is a member of {account.slug} already.")
    if user is None:
        user = people.create_by_hand(email=email, password=password, now=now)
    elif password is not None:
        raise CommandError(KEPT.format(email))
    joining.add_by_hand(user=user, account=account, role=role, actor=None, now=now)
