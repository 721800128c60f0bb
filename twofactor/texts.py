"""Texting a code: who may still get one, the row, the provider, the result.

The row is committed before the provider is called, and the provider is called outside of any
transaction: what we count is never less than what was sent, and a slow provider holds no lock.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.views.decorators.debug import sensitive_variables

from accounts import alarms, audit, locks, mail, throttle
from accounts.alarms import Alarm
from accounts.audit import Event
from accounts.client import bucket_of
from accounts.figures import Figure
from accounts.models import Account, Membership, User
from accounts.throttle import TooMany
from twofactor import phones, sent_codes, sms, text_words
from twofactor.models import SentCode, SentPurpose, SentState, SMSDevice, TextCharge

HOUR, DAY = timedelta(hours=1), timedelta(hours=24)
PER_NUMBER_AN_HOUR = 5
PER_ACCOUNT_A_DAY, PER_MEMBER_A_DAY = 100, 6
PER_ADDRESS_AN_HOUR, PER_PERSON_SEEN = 10, 5


class UsedUp(StrEnum):
    """Whose texts are used up."""

    ACCOUNT = "account"
    ADDRESS = "address"
    SITE = "site"


class TextsUsedUp(Exception):
    """An account, the client address or the whole site has had its texts; the app still works."""

    def __init__(self, whose: UsedUp) -> None:
        super().__init__(f"The texts of the {whose} are used up.")
        self.whose = whose


def send_code(
    user: User,
    device: SMSDevice,
    *,
    purpose: SentPurpose,
    attempt: str,
    address: str,
    now: datetime,
) -> SentCode:
    """Text ``user`` a code that is good for ``purpose`` in ``attempt``, and for nothing else.

    :raises TooMany: before the wait between two texts, or a limit of the person or number, is over.
    :raises TextsUsedUp: when the texts of the account, the client address or the site are used up.
    :raises phones.BadPhone: for a number whose country was taken off the list since.
    :raises sms.NotSent: if the provider did not take it.
    """
    number = device.open_number()
    phones.parse(number, country="")
    try:
        sent = _reserve(
            user, device, purpose=purpose, attempt=attempt, address=bucket_of(address), now=now
        )
    except TextsUsedUp as error:
        _note_used_up(user, error.whose, now=now)
        raise
    return _hand_over(sent, number, now=now)


def next_at(user: User, *, now: datetime) -> datetime | None:
    """Return when ``user`` may be sent the next text; None means at once."""
    return sent_codes.next_at(_texts().filter(user=user), now=now)


@transaction.atomic
def _reserve(
    user: User,
    device: SMSDevice,
    *,
    purpose: SentPurpose,
    attempt: str,
    address: str,
    now: datetime,
) -> SentCode:
    """Write the row of one text, under the locks that make a hundred clicks one text."""
    user = User.objects.locked(user.pk)
    _check_person(user, now=now)
    _check_address(address, now=now)
    accounts = Account.objects.filter(memberships__user=user).order_by("pk")
    # Locked in one order, so that members of the same account queue up rather than overshoot.
    locked = list(accounts.select_for_update(of=("self",), no_key=True))
    _check_accounts(locked, now=now)
    _check_number(device, now=now)
    _check_site(now=now)
    sent = sent_codes.new(
        user,
        device=device,
        purpose=purpose,
        attempt=attempt,
        destination_key=device.number_key,
        address=address,
        now=now,
    )
    sent.save()
    TextCharge.objects.bulk_create(
        TextCharge(sent=sent, account_id=account.pk, at=now) for account in locked
    )
    return sent


def _check_person(user: User, *, now: datetime) -> None:
    free_at = next_at(user, now=now)
    if free_at is not None:
        raise TooMany(free_at)


def _check_number(device: SMSDevice, *, now: datetime) -> None:
    """Different people may ask for texts to one number at once: they queue up, too."""
    number = device.open_number()
    locks.hold("texts-to", number)
    to_number = (
        _texts()
        # What may not have arrived is no nuisance; its cost counts elsewhere.
        .exclude(state=SentState.UNCERTAIN)
        .filter(destination_key__in=phones.number_keys(number), created_at__gt=now - HOUR)
    )
    times = list(to_number.order_by("-created_at").values_list("created_at", flat=True)[:5])
    if len(times) >= PER_NUMBER_AN_HOUR:
        raise TooMany(times[PER_NUMBER_AN_HOUR - 1] + HOUR)


def _texts() -> QuerySet[SentCode]:
    """Texts that cost money or may have."""
    texts = SentCode.objects.exclude(purpose=SentCode.Purpose.MAILBOX)
    return texts.exclude(state=SentState.OURS)


def _check_accounts(accounts: list[Account], *, now: datetime) -> None:
    for account in accounts:
        spent = TextCharge.objects.filter(
            ~Q(sent__state=SentState.OURS), account_id=account.pk, at__gt=now - DAY
        ).count()
        if spent < PER_ACCOUNT_A_DAY:
            continue
        members = Membership.objects.active().filter(account=account).count()
        if spent >= PER_ACCOUNT_A_DAY + PER_MEMBER_A_DAY * members:
            raise TextsUsedUp(UsedUp.ACCOUNT)


def _check_site(*, now: datetime) -> None:
    """Stop before the bill of a day grows beyond what the operator set."""
    locks.hold("texts")
    if sent_in_a_day(now=now) >= settings.SMS_DAILY_LIMIT:
        raise TextsUsedUp(UsedUp.SITE)


def sent_in_a_day(*, now: datetime) -> int:
    return _texts().filter(created_at__gt=now - DAY).count()


def figures_of_texts(*, now: datetime) -> list[Figure]:
    """Return how much of the day's texts is used, for monitoring."""
    return [Figure("gatehouse_texts", "Texts within 24 hours.", sent_in_a_day(now=now))]


def _check_address(address: str, *, now: datetime) -> None:
    locks.hold("texts-of-address", address)
    spent = _texts().filter(address=address, created_at__gt=now - HOUR).count()
    if spent < PER_ADDRESS_AN_HOUR:
        return
    people = throttle.people_seen(address, now=now)
    if spent >= PER_ADDRESS_AN_HOUR + PER_PERSON_SEEN * people:
        raise TextsUsedUp(UsedUp.ADDRESS)


# As rows keep them; ``twofactor.notices`` tells them to each owner in the owner's language.
LIMIT_OF_ACCOUNT = "the limit of texts for a day was reached."
LIMIT_OF_ADDRESS = "too many texts were asked for from one internet address."
REFUSED = "the text service refused us."
TROUBLE = {UsedUp.ACCOUNT: LIMIT_OF_ACCOUNT, UsedUp.ADDRESS: LIMIT_OF_ADDRESS}


@transaction.atomic
def _note_used_up(user: User, whose: UsedUp, *, now: datetime) -> None:
    """Tell the owners of what is theirs; the operators of what stops the whole site."""
    if whose in TROUBLE:
        tell_owners(user, TROUBLE[whose], now=now)
    else:
        alarms.sound(Alarm.TEXTS_USED_UP, count=settings.SMS_DAILY_LIMIT, now=now)
    after = {"reason": "used_up", "whose": whose}
    audit.record(Event.TEXT_REFUSED, subject=user, after=after, now=now)


@transaction.atomic
def tell_owners(user: User, trouble: str, *, now: datetime) -> None:
    """Tell the owners of the person's accounts, at most once a day, that texts are in trouble."""
    for account in Account.objects.filter(memberships__user=user).order_by("pk"):
        mail.owe_owners("text_trouble", account=account, context={"trouble": trouble}, now=now)


@sensitive_variables()
def _hand_over(sent: SentCode, number: str, *, now: datetime) -> SentCode:
    body = text_words.body(sent_codes.code_of(sent), reader=sent.user)
    try:
        handed_over = sms.send(to=number, body=body, reference=str(sent.uid), now=now)
    except sms.NotSent as error:
        _note_not_sent(sent, error, now=now)
        raise
    with transaction.atomic():
        _settle(sent, SentState.HANDED_OVER, provider_id=handed_over.provider_id)
        audit.record(Event.TEXT_SENT, subject=sent.user, after={"purpose": sent.purpose}, now=now)
    return sent


@transaction.atomic
def _note_not_sent(sent: SentCode, error: sms.NotSent, *, now: datetime) -> None:
    """Store how it ended; a text that may have gone out all the same keeps its code good."""
    if error.is_uncertain:
        state = SentState.UNCERTAIN
    else:
        state = SentState.OURS if error.is_ours else SentState.REFUSED
    _settle(sent, state, error=error.code)
    audit.record(Event.TEXT_REFUSED, subject=sent.user, after={"reason": error.code}, now=now)
    if error.wakes_operator:
        alarms.sound(Alarm.TEXTS_REFUSED, code=error.code, now=now)
        tell_owners(sent.user, REFUSED, now=now)


def _settle(sent: SentCode, state: SentState, **values: str) -> None:
    """Move on from ``READY``; a callback that came first has the last word."""
    SentCode.objects.filter(pk=sent.pk).update(**values)
    SentCode.objects.filter(pk=sent.pk, state=SentState.READY).update(state=state)
    sent.refresh_from_db(fields=["state", *values])


# A report may come late, twice or out of order: a text only ever moves to a later state.
REPORTED = {
    "delivered": SentState.DELIVERED,
    "undelivered": SentState.UNDELIVERED,
    "failed": SentState.UNDELIVERED,
}


@transaction.atomic
def note_report(
    *, reference: str, provider_id: str, status: str, error: str, now: datetime
) -> None:
    """Note what the provider reports of a text; what is unknown or already final stays as it is."""
    state = REPORTED.get(status)
    if state is None:
        return
    under_way = [SentState.READY, SentState.HANDED_OVER, SentState.UNCERTAIN]
    found = _reported(reference, provider_id).filter(state__in=under_way)
    is_news = found.update(state=state, error=error[:16]) > 0
    if is_news and state == SentState.UNDELIVERED and error in sms.FILTERED:
        alarms.sound(Alarm.TEXTS_REFUSED, code=error, now=now)


def _reported(reference: str, provider_id: str) -> QuerySet[SentCode]:
    """Return the row of a text by our name for it; by the provider's where the report has none."""
    try:
        return SentCode.objects.filter(uid=UUID(reference))
    except ValueError:
        return SentCode.objects.exclude(provider_id="").filter(provider_id=provider_id)
