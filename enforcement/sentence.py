"""What one person must do, by when and why, in one sentence: the desk and ``standing`` say it.

As a new sign-in by password would find it; the words are for support, about the person.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from accounts.letters import told_in
from accounts.models import User
from enforcement.decision import Obligation, Standing, Step, decide
from enforcement.standing import binding_accounts, standing_for


def about(person: User, *, zone: ZoneInfo, now: datetime) -> str:
    """Return the sentence about ``person``, its instants told in ``zone``."""
    if not person.is_active:
        return "Can't sign in: this sign-in is deactivated."
    standing = standing_for(person)
    obligation = decide(standing, now=now)
    until = told_in(obligation.until, zone) if obligation.until else ""
    why = _why(person)
    if obligation.step is Step.ENROL_NOW:
        return _due(obligation, until=until, why=why, now=now)
    return {
        Step.PROCEED: "Has nothing to do: no account requires two-factor authentication.",
        Step.ENROL_SOON: f"Must set up two-factor authentication by {until}, because {why}; "
        "works as before until then.",
        Step.CODE_NEEDED: f"Is set up: signs in with the password and a code, because {why}.",
        Step.ON_PASS: f"Is on a pass: signs in with the password alone until {until}; "
        f"{_after_pass(standing, why)}.",
        Step.PASS_ENDED: f"Must set up two-factor authentication at the next sign-in, if anything "
        f"requires it then: the pass ended on {until}, and {why}.",
    }[obligation.step]


def _due(obligation: Obligation, *, until: str, why: str, now: datetime) -> str:
    """Whom a pass has left without factors is not told of a deadline that lies ahead."""
    must = "Must set up two-factor authentication: the next sign-in begins with it, because"
    if obligation.until is not None and obligation.until <= now:
        return f"{must} {why}; it was due on {until}."
    return f"{must} a pass ran out, and {why}."


def _after_pass(standing: Standing, why: str) -> str:
    if not standing.deadlines:
        return "then nothing asks for a second factor, because no account requires it"
    return f"then sets up two-factor authentication anew, because {why}"


def _why(person: User) -> str:
    names = [policy.account.name for policy in binding_accounts(person)]
    reasons = (
        [f"{_listed(names)} {'requires' if len(names) == 1 else 'require'} it"] if names else []
    )
    if person.is_bound_staff:
        reasons.append("staff of this site always need it")
    return " and ".join(reasons) or "no account requires it, but who set it up keeps it"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
