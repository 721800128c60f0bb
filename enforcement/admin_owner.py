"""The buttons of an account's page in the admin: remind, advise, send again, take the list along.

Each is a POST behind the proof that the switch needs, too: a session left open mails nobody and
carries no list of the unprotected away. Each makes one call, and comes back to the page it was
pressed on.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import audit, exports, keys
from accounts.audit import Event
from accounts.models import Account, Notice
from accounts.reach import person_of
from accounts.signin import safe_next
from accounts.words import filled
from enforcement import (
    admin_proof,
    advice,
    mail_trouble,
    overview,
    policies,
    reminding,
    report,
    roster,
)

STREAMS = {"csv": exports.stream_csv, "json": exports.stream_json}
Act = Callable[[HttpRequest, Account, datetime], HttpResponse]


def press(request: HttpRequest, account: Account, act: Act, *, now: datetime) -> HttpResponse:
    """Do ``act``, or ask for proof first and lead back to the page with the button."""
    asked = admin_proof.missing(
        request, admin_proof.for_switching(request), now=now, back=_back(request, account)
    )
    return asked if asked is not None else act(request, account, now)


def _back(request: HttpRequest, account: Account) -> str:
    page = reverse("admin:accounts_account_change", args=[account.pk])
    given = request.POST.get("back", "")
    return safe_next(request, given) if given.startswith(page[: -len("change/")]) else page


def _returned(request: HttpRequest, account: Account) -> HttpResponse:
    return HttpResponseRedirect(_back(request, account))


def remind(request: HttpRequest, account: Account, now: datetime) -> HttpResponse:
    try:
        number = reminding.remind_now(account=account, actor=person_of(request), now=now)
    except reminding.TooSoon as error:
        asked = overview.told_to(person_of(request), error.asked_at)
        again = overview.told_to(person_of(request), error.again_at)
        told = _(
            "Nobody was mailed: the last reminder went out %(asked)s."
            " The next can go out %(again)s."
        )
        messages.warning(request, told % {"asked": asked, "again": again})
    except reminding.NotNow as error:
        messages.info(request, str(error))
    else:
        told = ngettext(
            "One member who must act: a reminder is on its way.",
            "%(number)d members who must act: a reminder is on its way.",
            number,
        )
        messages.success(request, told % {"number": number})
    return _returned(request, account)


def advise(request: HttpRequest, account: Account, now: datetime) -> HttpResponse:
    number = advice.advise(account=account, actor=person_of(request), now=now)
    if number:
        told = ngettext(
            "The advice is on its way to one member.",
            "The advice is on its way to %(number)d members.",
            number,
        )
        messages.success(request, told % {"number": number})
    else:
        messages.info(
            request, _("Nobody was mailed: everybody concerned had the advice within a day.")
        )
    return _returned(request, account)


def send_again(pk: int) -> Act:
    def act(request: HttpRequest, account: Account, now: datetime) -> HttpResponse:
        try:
            sent = mail_trouble.send_again(
                account=account, pk=pk, actor=person_of(request), now=now
            )
        except Notice.DoesNotExist:
            raise Http404 from None
        except mail_trouble.NotFailed as error:
            messages.info(request, str(error))
        else:
            told = _("The mail to %(address)s is on its way again.")
            messages.success(request, filled(told, address=sent.recipient))
        return _returned(request, account)

    return act


def export(form: str) -> Act:
    """Send the members that the page of the same query lists, all of them, as a file."""
    if form not in STREAMS:
        raise Http404

    def act(request: HttpRequest, account: Account, now: datetime) -> HttpResponse:
        asked = roster.asked_of(request.GET)
        policy = policies.current(account)
        found = roster.narrowed(account, asked, policy=policy, now=now)
        _record_export(request, account, form, asked, now=now)
        rows = map(report.told, report.rows(account, now=now, members=found))
        filename = exports.dated(f"members-{account.slug}", now=now, ending=form)
        answer: HttpResponse = STREAMS[form](rows, columns=report.COLUMNS, filename=filename)  # type: ignore[assignment]
        return answer

    return act


@transaction.atomic
def _record_export(
    request: HttpRequest, account: Account, form: str, asked: roster.Asked, *, now: datetime
) -> None:
    narrowed: dict[str, Any] = {
        name: value for name in roster.NAMES if (value := getattr(asked, name))
    }
    if "q" in narrowed:  # may be an address
        narrowed["person"] = keys.pseudonym(narrowed.pop("q"))
    audit.record(
        Event.MEMBERS_EXPORTED,
        actor=person_of(request),
        account=account,
        after={"form": form, **narrowed},
        now=now,
    )
