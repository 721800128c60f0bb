"""What one person must do, by when, and why."""

import json
from argparse import ArgumentParser
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone

from accounts.commands import OneLineCommand
from enforcement import sentence, standing
from enforcement.decision import decide
from enforcement.management import reading

UTC_ZONE = ZoneInfo("UTC")


class Command(OneLineCommand):
    help = "Tell what a person must do, by when, and why; as a new sign-in would find it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        person = reading.person(options["email"])
        found = standing.standing_for(person)
        now = timezone.now()
        obligation = decide(found, now=now)
        shown = {
            "email": person.email,
            "words": sentence.about(person, zone=UTC_ZONE, now=now),
            "active": person.is_active,
            "step": obligation.step.value,
            "until": obligation.until.isoformat() if obligation.until else None,
            "has_device": found.has_device,
            "pass_until": found.pass_until.isoformat() if found.pass_until else None,
            "pass_ran_out": found.pass_ran_out,
            "staff": person.is_bound_staff,
            "exempt_through_sso": [
                policy.account.slug for policy in standing.exempting_accounts(person)
            ],
            "accounts": [
                {"account": policy.account.slug, "due_at": policy.due_at.isoformat()}
                for policy in standing.policies_of(person).select_related("account")
            ],
        }
        if options["json"]:
            self.stdout.write(json.dumps(shown))
            return
        for name, value in shown.items():
            self.stdout.write(f"{name}: {value}")
