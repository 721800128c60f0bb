"""One spelling for every email address, so that one mailbox is one sign-in."""

import unicodedata

LONGEST_EMAIL = 254  # characters, as stored: RFC 5321 has room for no more


def canonical_email(value: str) -> str:
    """Return ``value`` as it is stored and looked up.

    Case and surrounding space never tell two people apart. Letters that merely look alike are
    kept apart (NFC, not NFKC): folding them would mail one person's link to another's mailbox.
    """
    return unicodedata.normalize("NFC", value.strip()).lower()


def domain_of(email: str) -> str:
    """Return the part after the last ``@``, empty when there is none."""
    return email.rpartition("@")[2] if "@" in email else ""


def masked(email: str) -> str:
    """Return ``email`` as it may be shown to somebody who has only given a password."""
    local, _, domain = email.rpartition("@")
    return f"{local[:1]}…@{domain}"
