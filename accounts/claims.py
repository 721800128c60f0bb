"""What a provider vouched for, and the refusal to take it. Shared by both protocols."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a provider vouched for, already verified cryptographically."""

    subject: str
    email: str
    email_verified: bool
    name: str = ""
    auth_time: datetime | None = None
    amr: tuple[str, ...] = ()
    acr: str = ""


class Refused(Exception):
    """Nobody comes in by this answer.

    ``code`` is the word of the audit's row; ``message`` tells the person what to do, and nothing
    that an unverified claim could be used to find out.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
