"""The kinds of mail that this app owes; each is written in the transaction of what it tells."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts import wording
from accounts.mail import Audience, Kind, register
from twofactor import mailbox, texts

METHODS: dict[str, str | Promise] = {
    "authenticator app": pgettext_lazy("codes come by it", "authenticator app"),
    "text message": pgettext_lazy("codes come by it", "text message"),
}
TROUBLE: dict[str, str | Promise] = {
    texts.LIMIT_OF_ACCOUNT: _("the limit of texts for a day was reached."),
    texts.LIMIT_OF_ADDRESS: _("too many texts were asked for from one internet address."),
    texts.REFUSED: _("the text service refused us."),
}

wording.register("method", wording.among(METHODS, "method"))
wording.register("trouble", wording.among(TROUBLE, "trouble"))

register(
    Kind(
        name="mailbox_code",
        app="twofactor",
        still_owed=mailbox.code_still_good,
        values=mailbox.code_for_mail,
        is_private=True,
    ),
    Kind(name="set_up_done", app="twofactor", offers_not_me=True),
    Kind(name="device_added", app="twofactor", offers_not_me=True),
    Kind(name="device_replaced", app="twofactor", offers_not_me=True),
    Kind(name="device_removed", app="twofactor", offers_not_me=True),
    Kind(name="codes_made", app="twofactor", offers_not_me=True),
    Kind(name="code_used", app="twofactor", offers_not_me=True),
    Kind(name="codes_failed", app="twofactor", offers_not_me=True),
    Kind(name="in_after_failures", app="twofactor", offers_not_me=True),
    Kind(name="password_stopped", app="twofactor", is_private=True),
    Kind(name="reset", app="twofactor", offers_not_me=True),
    to=Audience.ANYBODY,
)
register(Kind(name="text_trouble", app="twofactor"), to=Audience.OWNERS)
