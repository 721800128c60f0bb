"""The ways a text leaves the house: Twilio, or the outbox of the embedded default.

A gateway hands over one text or says, in one of six exceptions, why not. It knows no person, no
limit and no row; ``twofactor.texts`` does.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Protocol
from urllib.parse import urlencode

import requests
from django.conf import settings
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from accounts.letters import absolute
from accounts.outbox import write_text
from accounts.spare import SpareCache

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 5

BREAKER = "twofactor.sms.failures"
BREAKS_AFTER = 5
BREAKS_FOR_SECONDS = 60


class NotSent(Exception):
    """A text was not handed over, or nobody can say whether it was."""

    message: ClassVar[str | Promise]
    is_ours = False  # our fault or the provider's: costs the person nothing
    is_uncertain = False  # it may have been sent all the same
    wakes_operator = False

    def __init__(self, code: str = "") -> None:
        super().__init__(f"{type(self).__name__} {code}".strip())
        self.code = code


class BadNumber(NotSent):
    message = _("The phone company does not know this number as one that gets texts.")


class OptedOut(NotSent):
    message = _(
        "This phone has asked for no more texts from us. Text START to our number, then try"
        " again, or use an authenticator app."
    )


class RegionBlocked(NotSent):
    message = _("We can't send texts to this country. Use an authenticator app instead.")


class Misconfigured(NotSent):
    message = _(
        "We can't send texts at the moment. We have been told; use another way in meanwhile."
    )
    is_ours = True
    wakes_operator = True


class Busy(NotSent):
    message = _("Too many texts are being sent just now. Try again in a minute.")
    is_ours = True


class Unavailable(NotSent):
    message = _("Our text service does not answer. Try again in a few minutes.")
    is_ours = True


class Uncertain(Unavailable):
    message = _(
        "Our text service did not answer in time. If the text arrives, its code is good;"
        " if not, try again in a minute."
    )
    is_uncertain = True


# What a phone company reports later for which not the phone is at fault, but our sender.
# https://www.twilio.com/docs/api/errors
FILTERED = {"30007", "30032", "30034"}  # as spam, toll-free or US sender not registered

# Twilio's error codes, and what each is for the person who waits.
# https://www.twilio.com/docs/api/errors
BY_CODE: dict[int, type[NotSent]] = {
    21211: BadNumber,  # invalid 'To'
    21214: BadNumber,  # can't be reached
    21217: BadNumber,  # does not appear to be valid
    21265: BadNumber,  # short code
    21612: BadNumber,  # no route to it
    21614: BadNumber,  # no mobile number
    21635: BadNumber,  # landline
    30003: BadNumber,
    30005: BadNumber,
    30006: BadNumber,
    21610: OptedOut,
    21408: RegionBlocked,
    60410: RegionBlocked,
    60605: RegionBlocked,
    20429: Busy,
    14107: Busy,
    21611: Busy,  # the sender's queue is full
}
TOO_MANY_REQUESTS = 429
SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class HandedOver:
    """The provider took the text; ``provider_id`` comes back in its callbacks."""

    provider_id: str


class SMSGateway(Protocol):
    def send(self, *, to: str, body: str, reference: str, now: datetime) -> HandedOver:
        """Hand over one text; reports of it come back with ``reference``.

        :raises NotSent: one of its six kinds.
        """


class OutboxGateway:
    """Writes texts where ``/outbox/`` shows them; for a machine without a provider."""

    def send(self, *, to: str, body: str, reference: str, now: datetime) -> HandedOver:
        write_text(to=to, body=body, at=now)
        return HandedOver("")


# The library logs addresses and headers of each request; this one says nothing.
_silent = logging.getLogger("twofactor.sms.silent")
_silent.setLevel(logging.CRITICAL + 1)


class TwilioGateway:
    """Twilio's Messages, by its own client."""

    def __init__(self) -> None:
        self.http = TwilioHttpClient(timeout=TIMEOUT_SECONDS, max_retries=0, logger=_silent)
        self.client = Client(
            settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN, http_client=self.http
        )
        if settings.TWILIO_BASE_URL:
            self.client.api.base_url = settings.TWILIO_BASE_URL

    def send(self, *, to: str, body: str, reference: str, now: datetime) -> HandedOver:
        try:
            message = self.client.messages.create(
                to=to, body=body, status_callback=reported_to(reference), **_sender()
            )
        except TwilioRestException as error:
            raise told_apart(error) from None
        except requests.ConnectTimeout:
            raise Unavailable("connect_timeout") from None
        except (requests.Timeout, requests.ConnectionError) as error:
            # The request may have arrived before the line went dead.
            raise Uncertain(type(error).__name__[:16]) from None
        except (TwilioException, requests.RequestException, ValueError) as error:
            raise Unavailable(type(error).__name__[:16]) from None
        finally:
            if self.http.session is not None:
                self.http.session.close()
        return HandedOver(str(message.sid or ""))


def reported_to(reference: str) -> str:
    """Return where reports of one text go.

    They name our row, as they may come before the provider's id of the text is stored, and of a
    text whose id we never heard.
    """
    return f"{absolute(reverse('twilio_status'))}?{urlencode({'text': reference})}"


def _sender() -> dict[str, str]:
    if settings.TWILIO_MESSAGING_SERVICE_SID:
        return {"messaging_service_sid": settings.TWILIO_MESSAGING_SERVICE_SID}
    return {"from_": settings.TWILIO_FROM}


def told_apart(error: TwilioRestException) -> NotSent:
    """Return what Twilio's refusal means for the person and for us."""
    code = str(error.code or error.status)
    if error.status == TOO_MANY_REQUESTS:
        return Busy(code)
    if error.status >= SERVER_ERROR:
        return Unavailable(code)
    # Whatever else it refuses, 20003 first of all, we have set something up wrongly.
    return BY_CODE.get(int(error.code or 0), Misconfigured)(code)


def gateway() -> SMSGateway:
    return TwilioGateway() if settings.TWILIO_ACCOUNT_SID else OutboxGateway()


def send(*, to: str, body: str, reference: str, now: datetime) -> HandedOver:
    """Hand over one text, unless the provider has just failed five times in a row.

    :raises NotSent: one of its six kinds.
    """
    cache = SpareCache(longest=BREAKS_FOR_SECONDS)
    if cache.get(BREAKER, 0) >= BREAKS_AFTER:
        raise Unavailable("breaker")
    try:
        handed_over = gateway().send(to=to, body=body, reference=reference, now=now)
    except Unavailable:
        cache.set(BREAKER, cache.get(BREAKER, 0) + 1, BREAKS_FOR_SECONDS)
        raise
    cache.delete(BREAKER)
    return handed_over
