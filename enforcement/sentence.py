"""What one person must do, by when and why, in one sentence: the desk and ``standing`` say it.

As a new sign-in by password would find it, besides whom single sign-on exempts; the words are for
support, about the person.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import npgettext, pgettext

from accounts.letters import told_in
from accounts.mail_names import isolated
from accounts.models import User
from accounts.words import listed
from enforcement.decision import Obligation, Standing, Step, decide
from enforcement.standing import exempting_accounts, names_of_binding_accounts, standing_for


def about(person: User, *, zone: ZoneInfo, now: datetime) -> str:
    """Return the sentence about ``person``, its instants told in ``zone``."""
    if not person.is_active:
        return _("Can't sign in: this sign-in is deactivated.")
    words = _by_password(person, zone=zone, now=now)
    spared = [policy.account.name for policy in exempting_accounts(person)]
    if not spared:
        return words
    exempt = _("Comes in through the single sign-on of %(accounts)s, which is enough for it.")
    by_password = _("By password: %(words)s") % {"words": words}
    return f"{exempt % {'accounts': listed(map(isolated, spared))}} {by_password}"


def _by_password(person: User, *, zone: ZoneInfo, now: datetime) -> str:
    standing = standing_for(person)
    obligation = decide(standing, now=now)
    until = told_in(obligation.until, zone) if obligation.until else ""
    why = _why(person)
    if obligation.step is Step.ENROL_NOW:
        return _due(obligation, until=until, why=why, now=now)
    return _of_step(obligation.step, standing) % {"until": until, "why": why}


def _of_step(step: Step, standing: Standing) -> str:
    on_pass = _on_pass_and_bound() if standing.deadlines else _on_pass_alone()
    return {
        Step.PROCEED: _("Has nothing to do: no account requires two-factor authentication."),
        Step.ENROL_SOON: _(
            "Must set up two-factor authentication by %(until)s, because %(why)s;"
            " works as before until then."
        ),
        Step.CODE_NEEDED: _("Is set up: signs in with the password and a code, because %(why)s."),
        Step.ON_PASS: on_pass,
        Step.PASS_ENDED: _(
            "Must set up two-factor authentication at the next sign-in, if anything requires it"
            " then: the pass ended on %(until)s, and %(why)s."
        ),
    }[step]


def _on_pass_and_bound() -> str:
    return _(
        "Is on a pass: signs in with the password alone until %(until)s; then sets up two-factor"
        " authentication anew, because %(why)s."
    )


def _on_pass_alone() -> str:
    return _(
        "Is on a pass: signs in with the password alone until %(until)s; then nothing asks for a"
        " second factor, because no account requires it."
    )


def _due(obligation: Obligation, *, until: str, why: str, now: datetime) -> str:
    """Whom a pass has left without factors is not told of a deadline that lies ahead."""
    values = {"until": until, "why": why}
    if obligation.until is not None and obligation.until <= now:
        overdue = _(
            "Must set up two-factor authentication: the next sign-in begins with it, because"
            " %(why)s; it was due on %(until)s."
        )
        return overdue % values
    after_pass = _(
        "Must set up two-factor authentication: the next sign-in begins with it, because a pass"
        " ran out, and %(why)s."
    )
    return after_pass % values


def _why(person: User) -> str:
    names = names_of_binding_accounts(person)
    reasons = []
    if names:
        words = npgettext(
            "a clause behind 'because'",
            "%(accounts)s requires it",
            "%(accounts)s require it",
            len(names),
        )
        reasons.append(words % {"accounts": listed(map(isolated, names))})
    if person.is_bound_staff:
        reasons.append(pgettext("a clause behind 'because'", "staff of this site always need it"))
    if not reasons:
        return pgettext(
            "a clause behind 'because'", "no account requires it, but who set it up keeps it"
        )
    return listed(reasons)
