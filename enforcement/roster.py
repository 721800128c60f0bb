"""The members of an account as a set: narrowed, counted and leafed through by the database.

Called by the owner's pages, the report and the files. What a member's outcome is, is decided by
``notices.outcome_of``; the conditions here say the same to the database, and a test holds the two
together for members made at random. No page loads more people than it shows.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.db.models import Count, Exists, ExpressionWrapper, OuterRef, Q, QuerySet, Subquery
from django.db.models.expressions import Combinable
from django.db.models.fields import BooleanField
from django.utils.translation import gettext_lazy as _

from accounts.models import Account, Membership, Notice
from enforcement import exemption
from enforcement.decision import Standing
from enforcement.models import Policy
from enforcement.notices import Outcome, outcome_of
from enforcement.standing import exempts
from twofactor import devices

NAMES = ("outcome", "flag", "method", "q")
FLAGS = {
    "mail": _("no working email"),
    "outside": _("address outside the domains"),
    "signed_out": _("signed out at the deadline"),
    "back": _("came back since the deadline"),
    "by_password": _("known to SSO, signs in by password"),
}
METHODS = {"app": _("authenticator app"), "text": _("text message"), "none": _("none")}
CHOICES = {
    "outcome": {"must_act": _("must act"), "on_pass": _("on a pass"), "ready": _("ready"),
                "exempt": _("exempt")},
    "flag": FLAGS,
    "method": METHODS,
}  # fmt: skip
SEARCH_LENGTH = 200
TO_LOOK_AT = ("mail", "outside", "by_password")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How a list is narrowed; what no list knows counts as not asked."""

    outcome: str = ""
    flag: str = ""
    method: str = ""
    q: str = ""

    @property
    def query(self) -> str:
        """Return the same as the query of a URL, to be followed by others."""
        return urlencode({name: value for name in NAMES if (value := getattr(self, name))})

    @property
    def is_any(self) -> bool:
        return bool(self.query)


def asked_of(given: Mapping[str, str]) -> Asked:
    """Read the query of a page."""
    known = {"outcome": {*map(str, Outcome)}, "flag": {*FLAGS}, "method": {*METHODS}}
    chosen = {
        name: value for name, values in known.items() if (value := given.get(name, "")) in values
    }
    # PostgreSQL can't look for a NUL.
    typed = given.get("q", "").replace("\0", "").strip()
    return Asked(**chosen, q=typed[:SEARCH_LENGTH])


def members(account: Account) -> QuerySet[Membership]:
    """Return the active members, each with the person, by address."""
    found = Membership.objects.active().filter(account=account)
    return found.select_related("user").order_by("user__email", "pk")


def narrowed(
    account: Account, asked: Asked, *, policy: Policy | None, now: datetime
) -> QuerySet[Membership]:
    """Return those members who fit all that was asked."""
    found = members(account)
    if asked.outcome:
        found = found.filter(stands(Outcome(asked.outcome), now=now))
    if asked.flag:
        found = found.filter(_flagged(asked.flag, account, policy))
    if asked.method:
        found = found.filter(_has_method(asked.method))
    for word in asked.q.split():
        found = found.filter(Q(user__email__icontains=word) | Q(user__name__icontains=word))
    return found


def stands(outcome: Outcome, *, now: datetime) -> Q:
    """Return ``outcome`` as a condition on memberships: what ``outcome_of`` says of one person."""
    on_pass = Q(user__pass_until__gt=now)
    ready = Q(user__pass_until=None) & Q(has_any_device())
    if outcome is Outcome.ON_PASS:
        return on_pass
    if outcome is Outcome.READY:
        return ready
    over = Q(user__pass_until__lte=now)
    unready = over | (Q(user__pass_until=None) & ~Q(has_any_device()))
    return unready & (Q(is_exempt()) if outcome is Outcome.EXEMPT else ~Q(is_exempt()))


def has_any_device() -> Combinable:
    return devices.device_exists(_person())


def _person() -> OuterRef:
    return OuterRef("user_id")


def _account() -> OuterRef:
    return OuterRef("account_id")


def is_exempt() -> Exists:
    """Whether single sign-on exempts the member, who usually comes through it."""
    return exempts(_person(), _account())


def signs_in_by_password() -> Exists:
    """Whether the account's provider knows the member, who came in by password last."""
    known = exemption.known(person=_person(), account=_account())
    return Exists(known.filter(exemption.BY_PASSWORD))


def last_through_sso() -> Subquery:
    """When the member last came in through the account's provider."""
    known = exemption.known(person=_person(), account=_account())
    return Subquery(known.values("last_at")[:1])


def _has_method(method: str) -> Q:
    has_app, has_phone = devices.app_exists(_person()), devices.phone_exists(_person())
    if method == "app":
        return Q(has_app)
    return Q(has_phone) if method == "text" else ~Q(has_app) & ~Q(has_phone)


def outside(account: Account) -> Q:
    """Return whether an address is none of the account's, as ``Account.is_outside`` says it."""
    inside = Q()
    for domain in account.email_domains:
        inside |= Q(user__email__endswith=f"@{domain}")
    return ~inside if account.email_domains else Q(pk__in=[])


def was_signed_out(policy: Policy) -> Exists:
    """Whether the sign-out at the deadline of ``policy`` met the member."""
    told = Notice.objects.filter(user=_person(), kind="signed_out", occasion=f"policy:{policy.pk}")
    return Exists(told)


def _flagged(flag: str, account: Account, policy: Policy | None) -> Q:
    if flag == "mail":
        return Q(user__mail_failed_at__isnull=False)
    if flag == "outside":
        return outside(account)
    if flag == "by_password":
        return Q(signs_in_by_password())
    if policy is None:
        return Q(pk__in=[])
    if flag == "signed_out":
        return Q(was_signed_out(policy))
    return back_since(policy)


def back_since(policy: Policy) -> Q:
    """Whether a member completed set-up at or after the deadline, and is still set up."""
    is_set_up = Q(user__pass_until=None) & Q(has_any_device())
    return Q(user__enrolled_at__gte=policy.deadline) & is_set_up


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many members stand where."""

    total: int
    by_outcome: Mapping[Outcome, int]
    mail_fails: int
    outside: int
    by_password: int
    flagged: int

    @property
    def must_act(self) -> int:
        return self.by_outcome[Outcome.MUST_ACT]

    @property
    def ready(self) -> int:
        return self.by_outcome[Outcome.READY]


def counts(account: Account, *, now: datetime) -> Counts:
    """Count the members: one row of the database for each kind of member there is.

    The database groups by facts, and the one decision says what each group comes to.
    """
    grouped = (
        members(account)
        .order_by()
        .values(
            group_device=has_any_device(),
            group_pass=_is(Q(user__pass_until__isnull=False)),
            group_running=_is(Q(user__pass_until__gt=now, user__pass_until__isnull=False)),
            group_mail=_is(Q(user__mail_failed_at__isnull=False)),
            group_outside=_is(outside(account)),
            group_exempt=is_exempt(),
            group_by_password=signs_in_by_password(),
        )
        .annotate(number=Count("pk"))
    )
    return _summed([dict(group) for group in grouped], now=now)


def _is(condition: Q) -> Combinable:
    return ExpressionWrapper(condition, output_field=BooleanField())


def _summed(groups: list[dict[str, object]], *, now: datetime) -> Counts:
    by_outcome: Counter[Outcome] = Counter(dict.fromkeys(Outcome, 0))
    for group in groups:
        by_outcome[_outcome(group, now=now)] += _number(group)

    def where(is_meant: Callable[[dict[str, object]], object]) -> int:
        return sum(_number(group) for group in groups if is_meant(group))

    return Counts(
        total=by_outcome.total(),
        by_outcome=by_outcome,
        mail_fails=where(lambda group: group["group_mail"]),
        outside=where(lambda group: group["group_outside"]),
        by_password=where(lambda group: group["group_by_password"]),
        flagged=where(lambda group: any(group[f"group_{flag}"] for flag in TO_LOOK_AT)),
    )


def _number(group: dict[str, object]) -> int:
    return int(str(group["number"]))


def _outcome(group: dict[str, object], *, now: datetime) -> Outcome:
    """Return what the decision says of anybody in ``group``."""
    until = None
    if group["group_pass"]:
        until = now + timedelta(hours=1) if group["group_running"] else now
    has_device, is_sso = bool(group["group_device"]), bool(group["group_exempt"])
    standing = Standing(has_device=has_device, is_sso=is_sso, pass_until=until)
    return outcome_of(standing, now=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """What became of the members at and after the deadline."""

    signed_out: int
    not_back: int
    back: int


def aftermath(policy: Policy, account: Account, *, now: datetime) -> Aftermath:
    """Count who was signed out at the deadline, and who has come back by setting up."""
    met = members(account).order_by().filter(was_signed_out(policy))
    return Aftermath(
        signed_out=met.count(),
        not_back=met.filter(stands(Outcome.MUST_ACT, now=now)).count(),
        back=members(account).order_by().filter(back_since(policy)).count(),
    )


def with_facts(found: QuerySet[Membership], policy: Policy | None) -> QuerySet[Membership]:
    """Annotate what rows of a list tell besides the standing of their people."""
    told: dict[str, Combinable] = {
        "fact_has_app": devices.app_exists(_person()),
        "fact_has_phone": devices.phone_exists(_person()),
        "fact_codes_left": devices.codes_left_of(_person()),
        "fact_exempt": is_exempt(),
        "fact_sso_at": last_through_sso(),
        "fact_by_password": signs_in_by_password(),
    }
    if policy is not None:
        told["fact_signed_out"] = was_signed_out(policy)
    return found.annotate(**told)
