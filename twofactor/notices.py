"""The kinds of mail that this app owes; each is written in the transaction of what it tells."""

from accounts.mail import Kind, register
from twofactor import mailbox

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
    Kind(name="text_trouble", app="twofactor"),
)
