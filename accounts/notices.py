"""The kinds of mail that this app owes."""

from datetime import datetime, timedelta
from typing import Any

from django.urls import reverse

from accounts import addresses, letters, passwords, provider_mails, wording
from accounts.mail import Audience, Kind, register
from accounts.models import Notice


def _reset_link(notice: Notice, now: datetime) -> dict[str, Any]:
    if notice.user is None:
        return {}
    provider = passwords.provider_instead(notice.user)
    if provider is None:
        return {
            "url": passwords.reset_link(notice.user),
            "is_first": passwords.is_first(notice),
        }
    url = letters.absolute(reverse("sso_start", args=[provider.slug]))
    return {"url": url, "provider_name": provider.name}


def _still_theirs(notice: Notice, now: datetime) -> bool:
    """The mail may wait for hours: by then its address may be the person's no more."""
    return notice.user is not None and notice.user.email == notice.recipient


def _address_link(notice: Notice, now: datetime) -> dict[str, Any]:
    return {"url": addresses.link_of(notice)}


APP = "accounts"
# What was done to an address or a password can be taken back for three days.
IDENTITY = timedelta(hours=72)
register(
    Kind(
        name="password_reset",
        app=APP,
        still_owed=_still_theirs,
        values=_reset_link,
        is_private=True,
    ),
    Kind(
        name="password_changed",
        app=APP,
        is_private=True,
        offers_not_me=True,
        not_me_for=IDENTITY,
    ),
    Kind(
        name="address_confirm",
        app=APP,
        still_owed=addresses.may_be_asked,
        values=_address_link,
        is_private=True,
    ),
    # The old mailbox is asked whoever has the new address: no mail would tell that it is taken.
    Kind(
        name="address_confirm_old",
        app=APP,
        still_owed=addresses.can_be_confirmed,
        values=_address_link,
        is_private=True,
    ),
    Kind(
        name="address_changed",
        app=APP,
        is_private=True,
        offers_not_me=True,
        not_me_for=IDENTITY,
    ),
    Kind(
        name="membership_moved",
        app=APP,
        is_private=True,
        offers_not_me=True,
        not_me_for=IDENTITY,
    ),
    Kind(
        name="identity_linked",
        app=APP,
        is_private=True,
        offers_not_me=True,
        not_me_for=IDENTITY,
    ),
    Kind(name="removed_from_account", app=APP),
    Kind(name="alarm", app=APP, is_private=True),
    Kind(name="sso_unlinked", app=APP, is_private=True),
    to=Audience.ANYBODY,
)
register(Kind(name="role_changed", app=APP), to=Audience.MEMBERS)
register(
    Kind(name="membership_moved_owners", app=APP),
    Kind(name="mail_trouble", app=APP),
    Kind(name="provider_changed", app=APP),
    to=Audience.OWNERS,
)
wording.register("fields_told", provider_mails.told_fields, kept_in="fields")
