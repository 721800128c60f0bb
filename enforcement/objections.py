"""What an objection means for the requirement: a pass ends, none is approved, owners are told."""

from contextlib import suppress
from datetime import datetime

from accounts.models import Notice, User
from enforcement import pass_mails, passes


def follow(notice: Notice, user: User, *, now: datetime) -> None:
    """Take back what ``notice`` tells of a pass, and tell the owners of binding accounts.

    Whatever was objected to, support may have been asked for help by the same stranger.
    """
    passes.lapse_approvals(user, now=now)
    if notice.kind == "pass_asked":
        passes.close_asked(user, now=now)
    if notice.kind in {"pass_asked", "pass_granted"}:
        _revoke(notice, user, now=now)
    pass_mails.tell_objected(notice, user, now=now)


def _revoke(notice: Notice, user: User, *, now: datetime) -> None:
    """Revoke the pass that was asked for or granted then, if it runs: a later one is another's."""
    active = passes.open_pass(user)
    if active is None or active.granted_at < notice.created_at:
        return
    if notice.kind == "pass_granted" and active.pk != notice.context["pass"]:
        return
    with suppress(passes.NotGrantable):  # a person whom support keeps out revokes nothing
        passes.revoke_pass(user=user, actor=user, now=now)
