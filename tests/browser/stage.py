"""Sets the stage in a product's database, in one process: `python -m tests.browser.stage '{...}'`.

Takes JSON: ``slug``, ``members`` (addresses; the first is the owner), ``is_required``, and if the
account or its people shall have names or a language: ``name``, ``names`` and ``language``. All have
the demo's password. ``support`` names somebody of support staff, in no account but with an address
of its domain. ``provider``, where it is given, is one that new people come in by, of SAML unless
its ``protocol`` says otherwise.
"""

import json
import os
import sys
from datetime import datetime
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings.local")
django.setup()

from django.conf import settings  # noqa: E402 - all of this needs Django set up
from django.utils import timezone  # noqa: E402

from accounts import people  # noqa: E402
from accounts.models import Account, Plan, Protocol, Provider, Role, User  # noqa: E402
from enforcement import joining, policies  # noqa: E402


def set_up(wanted: dict[str, Any], *, now: datetime) -> None:
    slug = wanted["slug"]
    name = wanted.get("name") or slug.title()
    account = Account.objects.create(name=name, slug=slug, plan=Plan.ENTERPRISE)
    names = wanted.get("names") or [""] * len(wanted["members"])
    for number, (email, name) in enumerate(zip(wanted["members"], names, strict=True)):
        user = people.create(
            email=email,
            name=name,
            password=settings.DEMO_PASSWORD,
            language=wanted.get("language", ""),
            actor=None,
            now=now,
        )
        role = Role.MEMBER if number else Role.OWNER
        joining.add_by_hand(user=user, account=account, role=role, actor=None, now=now)
    if "support" in wanted:
        User.objects.create_user(
            email=f"support@{slug}.example",
            name=wanted["support"],
            password=settings.DEMO_PASSWORD,
            language=wanted.get("language", ""),
            is_staff=True,
        )
    if "provider" in wanted:
        add_provider(account, **wanted["provider"], now=now)
    if wanted["is_required"]:
        policies.switch_on(account=account, actor=None, now=now)


def add_provider(
    account: Account, *, email_domains: list[str], secret: str = "", now: datetime, **fields: str
) -> None:
    account.email_domains = email_domains
    account.save(update_fields=["email_domains"])
    provider = Provider(
        account=account,
        slug=account.slug,
        name=account.name,
        allow_creation=True,
        created_at=now,
        **{"protocol": Protocol.SAML, **fields},
    )
    if secret:
        provider.seal_client_secret(secret)
    provider.save()


if __name__ == "__main__":
    set_up(json.loads(sys.argv[1]), now=timezone.now())
