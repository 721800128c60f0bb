"""The parts of a way through a provider, and the failure of one. Shared by both protocols."""

from collections.abc import Callable
from enum import StrEnum

from requests.exceptions import RequestException

from accounts.outgoing import Unreachable


class Step(StrEnum):
    """The parts of a sign-in, in their order; support's protocol tells each."""

    SETUP = "setup"
    DISCOVERY = "discovery"
    ISSUER = "issuer"
    ANSWER = "answer"
    CODE = "code"
    KEYS = "keys"
    SIGNATURE = "signature"
    CLAIMS = "claims"
    USERINFO = "userinfo"


class Failed(Exception):
    """A step that went wrong; ``reason`` is a word for the audit, the text is for support."""

    def __init__(self, step: Step, reason: str, text: str) -> None:
        super().__init__(text)
        self.step = step
        self.reason = reason

    @property
    def is_outage(self) -> bool:
        """Whether the provider was not there at all, rather than wrong."""
        return isinstance(self.__cause__, Unreachable | RequestException)


# What support's test of a provider is told: a step that went well, and how. Never a secret.
Note = Callable[[Step, str], None]


def unnoted(step: Step, detail: str) -> None:
    """Tell nobody: this is a sign-in."""
