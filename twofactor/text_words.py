"""What a text message says: the site's name and the code, in the reader's language.

Where there is room in the same message, its last line binds the code to our host: phones then
offer to type it there, and nowhere else (https://wicg.github.io/sms-one-time-codes/).
"""

from urllib.parse import urlsplit

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.letters import language_of
from accounts.models import User

# GSM 03.38: a text of these letters has 160 of them, some taking the room of two; any other has 70.
ONE_PLACE = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "ÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
TWO_PLACES = "^{}\\[~]|€"
LONGEST, LONGEST_OF_OTHERS = 160, 70


def body(code: str, *, reader: User) -> str:
    """Return the text that brings ``code`` to ``reader``."""
    with translation.override(language_of(reader)):
        told = _("%(site)s: your code is %(code)s") % {
            "site": settings.TWO_FACTOR_ISSUER,
            "code": code,
        }
    bound = f"{told}\n\n{_binding(code)}"
    return bound if _binding(code) and is_one_message(bound) else told


def _binding(code: str) -> str:
    """Return the line for phones; only a site with HTTPS can be bound to."""
    site = urlsplit(settings.BASE_URL)
    return f"@{site.hostname} #{code}" if site.scheme == "https" else ""


def is_one_message(text: str) -> bool:
    """Whether ``text`` goes out, and is paid for, as one message."""
    if any(letter not in ONE_PLACE + TWO_PLACES for letter in text):
        return len(text.encode("utf-16-be")) <= 2 * LONGEST_OF_OTHERS
    return len(text) + sum(letter in TWO_PLACES for letter in text) <= LONGEST
