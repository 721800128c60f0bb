"""What the commands share: reading their arguments, with one clear line for what is wrong."""

import sys
import unicodedata

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.core.validators import validate_email

from accounts import words
from accounts.emails import LONGEST_EMAIL, canonical_email
from accounts.forms import LONGEST_PASSWORD
from accounts.models import Account, User

NOT_UTF8 = "A password is read as UTF-8."


def account(slug: str) -> Account:
    """:raises CommandError: for an unknown slug."""
    found = Account.objects.filter(slug=slug).first()
    if found is None:
        raise CommandError(f"There is no account {slug!r}.")
    return found


def person(email: str) -> User:
    """:raises CommandError: for an address that nobody signs in with."""
    found = User.objects.filter(email=canonical_email(email)).first()
    if found is None:
        raise CommandError(f"Nobody signs in with {email!r}.")
    return found


def address(email: str) -> str:
    """:raises CommandError: for what is no email address, or too long to be stored."""
    try:
        validate_email(email.strip())
    except ValidationError:
        raise CommandError(f"{email!r} is no email address.") from None
    found = canonical_email(email)
    if len(found) > LONGEST_EMAIL:
        raise CommandError(f"An address has at most {LONGEST_EMAIL} characters.")
    return found


def password_from_stdin(user: User | None = None) -> str:
    """Read one line; a password on the command line would be in everybody's list of processes.

    :raises CommandError: for a password that the site would not accept.
    """
    try:
        password = sys.stdin.readline().rstrip("\r\n")
    except UnicodeDecodeError:
        raise CommandError(NOT_UTF8) from None
    if not words.is_utf8(password):
        raise CommandError(NOT_UTF8)
    if len(password) > LONGEST_PASSWORD:
        raise CommandError(f"A password has at most {LONGEST_PASSWORD} characters.")
    if any(unicodedata.category(letter) == "Cc" for letter in password):
        raise CommandError("A password has no control characters: nobody could type them.")
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise CommandError(" ".join(error.messages)) from None
    return password
