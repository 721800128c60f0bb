"""Sets the stage in a product's database, in one process: `python -m tests.browser.stage '{...}'`.

Takes JSON: ``slug``, ``members`` (addresses; the first is the owner) and ``is_required``. All have
the demo's password.
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
from accounts.models import Account, Plan, Role  # noqa: E402
from enforcement import joining, policies  # noqa: E402


def set_up(wanted: dict[str, Any], *, now: datetime) -> None:
    slug = wanted["slug"]
    account = Account.objects.create(name=slug.title(), slug=slug, plan=Plan.ENTERPRISE)
    for number, email in enumerate(wanted["members"]):
        user = people.create(email=email, password=settings.DEMO_PASSWORD, actor=None, now=now)
        role = Role.MEMBER if number else Role.OWNER
        joining.add_by_hand(user=user, account=account, role=role, actor=None, now=now)
    if wanted["is_required"]:
        policies.switch_on(account=account, actor=None, now=now)


if __name__ == "__main__":
    set_up(json.loads(sys.argv[1]), now=timezone.now())
