"""What a view is for. The gate reads the mark; a view without one is for signed-in people alone."""

from collections.abc import Callable
from enum import Enum, auto
from typing import Any, TypeVar

V = TypeVar("V", bound=Callable[..., Any])


class Purpose(Enum):
    """Whom a view serves besides signed-in people in good standing."""

    MACHINE = auto()  # probes and webhooks: no person, the gate does not ask
    OPEN = auto()  # anybody; the gate still decides who the visitor is
    CHALLENGE = auto()  # an enrolled person half-way in: the code pages
    ENROLMENT = auto()  # whoever sets up: half-way in, in the window, on a pass or adding a method
    ENTRANCE = auto()  # half-way in, whatever comes next: help
    CANCEL = auto()  # half-way in, also where nothing holds the person up any more
    LEAVING = auto()  # signed in, or in set-up once the mailbox is proved
    MEMBER = auto()  # signed in and let pass by the gate


class Fresh(Enum):
    """What must have been given within the last ten minutes before a view opens."""

    FACTOR = auto()  # the password, and the person's factor; a backup code counts as one
    DEVICE = auto()  # the password, and the person's device if there is one; no backup code
    STRONG = auto()  # the password and a device: who has none is refused


def serves(purpose: Purpose, *, fresh: Fresh | None = None) -> Callable[[V], V]:
    """Mark a view: what it is for, and whether it needs fresh proof."""

    def mark(view: V) -> V:
        view.purpose = purpose  # type: ignore[attr-defined]
        view.fresh = fresh  # type: ignore[attr-defined]
        return view

    return mark


def purpose_of(view: Callable[..., Any]) -> Purpose:
    return getattr(view, "purpose", Purpose.MEMBER)


def freshness_of(view: Callable[..., Any]) -> Fresh | None:
    return getattr(view, "fresh", None)
