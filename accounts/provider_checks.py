"""What support enters about a provider, looked at before anything is stored.

Called by ``accounts.providers`` under its locks, and by the form, which says beside which field.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from datetime import datetime
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import DomainNameValidator
from django.utils.translation import gettext as _

from accounts import certificates, saml, words
from accounts.models import Account, Protocol, Provider

LONGEST = 500
DISCOVERY = "/.well-known/"
# Names that stand for a place within somebody's network, or for this machine.
INSIDE = ("localhost", "local", "internal", "intranet", "lan", "home", "corp", "home.arpa")
# Issuers that speak for every company of the world; none of them is the one in its tokens.
SHARED_TENANTS = {"common", "organizations", "consumers"}
# Whoever asks for one gets an address there, so that no account can call them its own.
PUBLIC_MAIL = frozenset({
    "126.com", "163.com", "aol.com", "arcor.de", "bluewin.ch", "fastmail.com", "free.fr",
    "freenet.de", "gmail.com", "gmx.at", "gmx.ch", "gmx.com", "gmx.de", "gmx.fr", "gmx.net",
    "googlemail.com", "hey.com", "hotmail.co.uk", "hotmail.com", "hotmail.de", "hotmail.fr",
    "hushmail.com", "icloud.com", "laposte.net", "libero.it", "live.com", "live.de", "live.fr",
    "mac.com", "mail.com", "mail.de", "mail.ru", "mailbox.org", "me.com", "msn.com", "naver.com",
    "orange.fr", "outlook.com", "outlook.de", "outlook.fr", "pm.me", "posteo.de", "proton.me",
    "protonmail.ch", "protonmail.com", "qq.com", "rocketmail.com", "sfr.fr", "t-online.de",
    "tuta.com", "tutanota.com", "tutanota.de", "wanadoo.fr", "web.de", "yahoo.co.jp",
    "yahoo.co.uk", "yahoo.com", "yahoo.de", "yahoo.fr", "yandex.com", "yandex.ru", "ymail.com",
    "zoho.com",
})  # fmt: skip


class NotValid(Exception):
    """What was entered can't be; the text says why, for the one who entered it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def check_issuer(protocol: str, issuer: str) -> None:
    """Check the issuer of OpenID Connect, or the entity ID of SAML.

    :raises NotValid: saying why not.
    """
    if protocol == Protocol.SAML:
        _check_installed()
        _check_entity(issuer)
        return
    at = _checked_url("issuer", issuer)
    if DISCOVERY in at.path:
        raise NotValid(
            "issuer", _("Enter the issuer itself: what stands before /.well-known/ in this URL.")
        )
    if at.query or at.fragment:
        raise NotValid("issuer", _("An issuer has no ? and no # in it."))
    if SHARED_TENANTS & set(at.path.split("/")):
        raise NotValid(
            "issuer",
            _("This issuer speaks for everybody. Enter the one of the account's own tenant."),
        )


def _check_installed() -> None:
    if not saml.is_installed():
        raise NotValid(
            "issuer",
            _("SAML is not installed here. Ask the operator for it, or use OpenID Connect."),
        )


def _check_entity(issuer: str) -> None:
    if not issuer or len(issuer) > LONGEST or any(letter.isspace() for letter in issuer):
        raise NotValid("issuer", _("Enter the entity ID as the provider's metadata has it."))
    if issuer != words.one_line(issuer):
        raise NotValid("issuer", _("Enter the entity ID as the provider's metadata has it."))


def check_sign_in_url(url: str) -> None:
    """Check where browsers are sent to by SAML.

    :raises NotValid: saying why not.
    """
    if _checked_url("sso_url", url).fragment:
        raise NotValid("sso_url", _("This URL has a # in it; enter it without."))


def _checked_url(field: str, url: str) -> SplitResult:
    not_one = NotValid(field, _("Enter a whole URL that begins with https://."))
    if len(url) > LONGEST or url != words.one_line(url) or " " in url or "\\" in url:
        raise not_one
    try:
        at = urlsplit(url)
        host, has_name = at.hostname or "", at.username is not None or at.password is not None
        _port = at.port
    except ValueError:
        raise not_one from None
    is_secure = at.scheme == "https" or (at.scheme == "http" and settings.SSO_ALLOW_PRIVATE)
    if not is_secure or not host or has_name:
        raise not_one
    if not settings.SSO_ALLOW_PRIVATE and not is_public_host(host):
        raise NotValid(field, _("%(host)s can't be reached from the internet.") % {"host": host})
    return at


def is_public_host(host: str) -> bool:
    """Whether ``host`` may be out in the internet, as far as its name tells."""
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        labels = host.rstrip(".").lower().split(".")
    # A last label of digits is an IPv4 address in one of its odd spellings.
    if len(labels) == 1 or labels[-1].isdigit() or labels[-1].startswith("0x"):
        return False
    return not ({labels[-1], ".".join(labels[-2:])} & set(INSIDE))


def check_domains(account: Account, domains: Sequence[str]) -> None:
    """Check the email domains of an account with a live provider.

    :raises NotValid: for none, for one that is no domain or everybody's, and for one that another
        account with a live provider has.
    """
    if not domains:
        raise NotValid("email_domains", _("A provider needs at least one domain to speak for."))
    for domain in domains:
        _check_domain(domain)
    taken = set(domains) & domains_with_provider(other_than=account)
    if taken:
        raise NotValid(
            "email_domains",
            words.filled(
                _("%(domain)s belongs to another account with a provider."),
                domain=", ".join(sorted(taken)),
            ),
        )


def _check_domain(domain: str) -> None:
    try:
        DomainNameValidator()(domain)
    except ValidationError:
        raise NotValid(
            "email_domains", words.filled(_("“%(domain)s” is no domain."), domain=domain)
        ) from None
    if domain in PUBLIC_MAIL:
        raise NotValid(
            "email_domains",
            words.filled(
                _("Everybody can get an address at %(domain)s; no account can claim it."),
                domain=domain,
            ),
        )


def domains_with_provider(*, other_than: Account) -> set[str]:
    """Return the domains that the live providers of other accounts speak for."""
    with_one = Provider.objects.live().exclude(account=other_than)
    lists: Iterable[list[str]] = with_one.values_list("account__email_domains", flat=True)
    return {domain for domains in lists for domain in domains}


def checked_certificates(text: str, *, now: datetime) -> str:
    """Return the certificates in ``text`` as they are stored.

    :raises NotValid: unless it holds one or two, none of them expired or weak.
    """
    if certificates.holds_private_key(text):
        raise NotValid(
            "certificates",
            _("There is a private key in this. Enter certificates alone, and tell the account's "
              "owner to replace this key: it was shown to others."),
        )  # fmt: skip
    try:
        found = certificates.read(text)
    except ValueError:
        raise NotValid("certificates", _("This is no certificate in PEM form.")) from None
    if len(found) > certificates.MOST:
        raise NotValid("certificates", _("Enter one certificate, or two while they change over."))
    for each in found:
        _check_certificate(each, now=now)
    return "".join(each.pem for each in found)


def _check_certificate(found: certificates.Certificate, *, now: datetime) -> None:
    if found.has_expired(now=now):
        raise NotValid("certificates", _("%(name)s has expired.") % {"name": found.name})
    if not found.is_strong:
        raise NotValid(
            "certificates",
            _("%(name)s has a key that is too weak: RSA needs 2048 bits.") % {"name": found.name},
        )
