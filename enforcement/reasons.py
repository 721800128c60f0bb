"""Why a member stands where the report says: a word for files, and a sentence for people."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Reason(TextChoices):
    """In files the instant, where there is one, follows the word."""

    ON_PASS = "has a pass until", _("has a pass until %(at)s")
    CAME_BACK = "came back and set up", _("came back and set up %(at)s")
    SET_UP = "has set up", _("has set up %(at)s")
    SSO = "comes in through SSO, last", _("comes in through SSO, last %(at)s")
    HAD_PASS = "had a pass until", _("had a pass until %(at)s")
    SIGNED_OUT = (
        "was signed out at the deadline, and is not back yet",
        _("was signed out at the deadline, and is not back yet"),
    )
    IN_WINDOW = (
        "has not set up yet; has until",
        _("has not set up yet; has until %(at)s"),
    )
    JOINED_LATE = (
        "joined after the requirement began, and sets up first; since",
        _("joined after the requirement began, and sets up first; since %(at)s"),
    )
    IS_STAFF = (
        "is support staff, who always set up first",
        _("is support staff, who always set up first"),
    )
    OVERDUE = (
        "has not set up, and sets up at the next sign-in; due since",
        _("has not set up, and sets up at the next sign-in; due since %(at)s"),
    )
    NOT_YET = "has not set up yet", _("has not set up yet")
