"""The demo: one account that can require two-factor authentication, one that can't."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import transaction
from django.utils import timezone

from accounts import people
from accounts.commands import OneLineCommand
from accounts.models import Account, Plan, Role, User
from enforcement import joining

NORTHWIND = (
    ("owner@northwind.example", "Olivia Owner", Role.OWNER),
    ("admin@northwind.example", "Adam Admin", Role.ADMIN),
    ("ada@northwind.example", "Ada", Role.MEMBER),
    ("ben@northwind.example", "Ben", Role.MEMBER),
    ("chloe@northwind.example", "Chloe", Role.MEMBER),
    ("dan@personal.example", "Dan", Role.MEMBER),
)


class Command(OneLineCommand):
    help = "Make the demo data; does nothing where they are there already."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        password = getattr(settings, "DEMO_PASSWORD", "")
        if not password:
            raise CommandError("The demo belongs to local settings, where its password is set.")
        if Account.objects.filter(slug="northwind").exists():
            self.stdout.write("The demo is there already.")
            return
        now = timezone.now()
        northwind = Account.objects.create(
            name="Northwind Films",
            slug="northwind",
            plan=Plan.ENTERPRISE,
            email_domains=["northwind.example"],
        )
        solo = Account.objects.create(name="Solo", slug="solo", plan=Plan.FREE)
        for email, name, role in NORTHWIND:
            user = people.create(email=email, name=name, password=password, actor=None, now=now)
            joining.add_by_hand(user=user, account=northwind, role=role, actor=None, now=now)
        dan = User.objects.get(email="dan@personal.example")
        joining.add_by_hand(user=dan, account=solo, role=Role.OWNER, actor=None, now=now)
        _add_staff(password)
        self.stdout.write("The demo is ready.")


def _add_staff(password: str) -> None:
    User.objects.create_user(
        email="support@gatehouse.example", name="Sam Support", password=password, is_staff=True
    )
    User.objects.create_superuser(email="root@gatehouse.example", name="Root", password=password)
