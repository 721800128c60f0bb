"""The requirement of one account, for operators."""

import json
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.utils import timezone

from accounts.commands import OneLineCommand
from accounts.models import Account, Invitation, User
from enforcement import policies, report, switching
from enforcement.management import reading


class Command(OneLineCommand):
    help = "Show, preview, switch on or switch off the requirement of one account."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("action", choices=["show", "preview", "on", "off"])
        parser.add_argument("--json", action="store_true")
        parser.add_argument("--by", metavar="EMAIL", help="the owner who acts")

    def handle(self, *args: Any, **options: Any) -> None:
        account = reading.account(options["slug"])
        actor = reading.person(options["by"]) if options["by"] else None
        if options["action"] in {"on", "off"}:
            _switch(account, options["action"], actor)
        shown = _preview(account) if options["action"] == "preview" else _state(account)
        self.stdout.write(json.dumps(shown) if options["json"] else _as_lines(shown))


def _switch(account: Account, action: str, actor: User | None) -> None:
    reason, now = "at the command line", timezone.now()
    try:
        if actor is not None:
            switching.switch(
                account=account, is_on=action == "on", actor=actor, reason=reason, now=now
            )
        elif action == "on":
            policies.switch_on(account=account, actor=None, reason=reason, now=now)
        else:
            policies.switch_off(account=account, actor=None, reason=reason, now=now)
    except policies.NotSwitchable as error:
        raise CommandError(str(error)) from None


def _state(account: Account) -> dict[str, Any]:
    policy = policies.current(account)
    if policy is None:
        return {"account": account.slug, "required": False}
    return {
        "account": account.slug,
        "required": True,
        "starts_at": policy.starts_at.isoformat(),
        "deadline": policy.deadline.isoformat(),
        "started_by": policy.started_by.email if policy.started_by else None,
    }


def _preview(account: Account) -> dict[str, Any]:
    now = timezone.now()
    waiting = Invitation.objects.usable(now=now).filter(account=account)
    return {
        "account": account.slug,
        "deadline": (now + settings.TWO_FACTOR_GRACE).isoformat(),
        "open_invitations": waiting.count(),
        "members": [
            {
                "email": row.membership.user.email,
                "outcome": str(row.outcome),
                "no_working_email": row.mail_fails,
                "outside_domains": row.is_outside,
                "signs_in_by_password": row.by_password,
            }
            for row in report.rows(account, now=now)
        ],
    }


def _as_lines(shown: dict[str, Any]) -> str:
    lines = [f"{name}: {value}" for name, value in shown.items() if name != "members"]
    lines += ["  ".join(str(part) for part in row.values()) for row in shown.get("members", [])]
    return "\n".join(lines)
