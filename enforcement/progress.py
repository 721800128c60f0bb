"""How set-up went on from the start of a period: the figures of the chart, and its shapes.

Nothing is kept for it. Whoever is a member now, when they joined, when they set up, and which
passes they had, tell where they stood at each instant. Whom single sign-on exempts now counts as
exempt from joining on. The last point is the count of now.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, Count, Exists, IntegerField, OuterRef, Q, Value, When

from enforcement import roster
from enforcement.models import Closing, Pass, Policy
from enforcement.notices import Outcome

STEPS = 48  # points over the window: one each half hour
ROWS = 12  # of the table that says the same
AFTER = 3  # how many windows the chart goes on after the deadline
WIDTH, HEIGHT = 720, 240
# From the ground up: the protected below, whoever is still to act on top.
BANDS = (Outcome.READY, Outcome.EXEMPT, Outcome.ON_PASS, Outcome.MUST_ACT)
NEVER = 10 * STEPS  # beyond every point


@dataclass(frozen=True, slots=True)
class Point:
    """How many members stood where at one instant."""

    at: datetime
    numbers: dict[Outcome, int]

    @property
    def total(self) -> int:
        return sum(self.numbers.values())

    @property
    def ready(self) -> int:
        return self.numbers[Outcome.READY]

    @property
    def exempt(self) -> int:
        return self.numbers[Outcome.EXEMPT]

    @property
    def on_pass(self) -> int:
        return self.numbers[Outcome.ON_PASS]

    @property
    def must_act(self) -> int:
        return self.numbers[Outcome.MUST_ACT]


@dataclass(frozen=True, slots=True)
class Band:
    outcome: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What the template draws; coordinates within ``WIDTH`` by ``HEIGHT``."""

    bands: list[Band]
    table: list[Point]
    first: Point
    last: Point
    ends_at: datetime
    highest: int
    now_x: str
    deadline_x: str  # empty where the deadline is the right edge
    width: int = WIDTH
    height: int = HEIGHT


def chart(policy: Policy, *, now: datetime) -> Chart:
    """Return the chart of ``policy``: the whole window, filled up to ``now``."""
    ends_at = end_of(policy, now=now)
    found = points(policy, now=min(now, ends_at), ends_at=ends_at)
    scale = _Scale(policy.starts_at, ends_at, max(1, *(point.total for point in found)))
    every = max(1, (len(found) - 1) // ROWS)
    return Chart(
        bands=[Band(str(outcome), scale.band(found, outcome)) for outcome in BANDS],
        table=[*found[:-1:every], found[-1]],
        first=found[0],
        last=found[-1],
        ends_at=ends_at,
        highest=scale.highest,
        now_x=scale.x(found[-1].at),
        deadline_x=scale.x(policy.deadline) if policy.deadline < ends_at else "",
    )


def end_of(policy: Policy, *, now: datetime) -> datetime:
    """Return where the chart ends: at the deadline, and later for a while with ``now``."""
    window = policy.deadline - policy.starts_at
    return max(policy.deadline, min(now, policy.deadline + AFTER * window))


def points(policy: Policy, *, now: datetime, ends_at: datetime) -> list[Point]:
    """Return the figures from the start of ``policy`` to ``now``: two queries, however many."""
    step = (ends_at - policy.starts_at) / STEPS
    instants = [policy.starts_at + step * number for number in range(STEPS + 1)]
    instants = [at for at in instants if at < now] + [now]
    found = [Point(at, dict.fromkeys(BANDS, 0)) for at in instants]
    _add_most(policy, found)
    for member in _with_passes(policy):
        for point in found:
            if (outcome := member.at(point.at)) is not None:
                point.numbers[outcome] += 1
    return found


def _had_pass() -> Exists:
    return Exists(Pass.objects.filter(user=OuterRef("user_id")))


def _add_most(policy: Policy, found: Sequence[Point]) -> None:
    """Add the members without any pass: counted by when they joined and when they set up."""
    instants = [point.at for point in found]
    groups = (
        roster.members(policy.account)
        .order_by()
        .filter(~Q(_had_pass()))
        .values(
            is_ready=roster.has_any_device(),
            is_exempt=roster.is_exempt(),
            joined=_first_after("joined_at", instants),
            set_up=_first_after("user__enrolled_at", instants),
        )
        .annotate(number=Count("pk"))
    )
    for group in groups:
        ready_from = group["set_up"] if group["is_ready"] else NEVER
        for place in range(group["joined"], len(found)):
            unready = Outcome.EXEMPT if group["is_exempt"] else Outcome.MUST_ACT
            outcome = Outcome.READY if place >= ready_from else unready
            found[place].numbers[outcome] += group["number"]


def _first_after(column: str, instants: Sequence[datetime]) -> Case:
    """Return the place of the first of ``instants`` at which ``column`` lay in the past.

    A device without its instant was there before all this.
    """
    cases = [When(**{f"{column}__lte": at}, then=place) for place, at in enumerate(instants)]
    unknown = When(**{f"{column}__isnull": True}, then=Value(0))
    return Case(unknown, *cases, default=Value(NEVER), output_field=IntegerField())


@dataclass(frozen=True, slots=True, kw_only=True)
class Helped:
    """A member who had a pass at some time."""

    joined_at: datetime
    enrolled_at: datetime | None
    has_device: bool
    is_exempt: bool
    passes: list[Pass]

    def at(self, instant: datetime) -> Outcome | None:
        if instant < self.joined_at:
            return None
        if any(one.granted_at <= instant < _end_of(one) for one in self.passes):
            return Outcome.ON_PASS
        if self._was_ready(instant):
            return Outcome.READY
        return Outcome.EXEMPT if self.is_exempt else Outcome.MUST_ACT

    def _was_ready(self, instant: datetime) -> bool:
        """A pass that runs out takes the device with it, so its loss is explained."""
        if self.enrolled_at is None or instant < self.enrolled_at:
            return self.enrolled_at is None and self.has_device
        voided = [_end_of(one) for one in self.passes if _ran_out_after(one, self.enrolled_at)]
        if voided:
            return instant < min(voided)
        return self.has_device


def _end_of(one: Pass) -> datetime:
    return one.until if one.closed_at is None else min(one.until, one.closed_at)


def _ran_out_after(one: Pass, enrolled_at: datetime) -> bool:
    is_over = one.closed_as in {"", Closing.RAN_OUT}
    return is_over and one.until > enrolled_at


def _with_passes(policy: Policy) -> Iterator[Helped]:
    helped = roster.members(policy.account).order_by().filter(_had_pass())
    facts = {"is_ready": roster.has_any_device(), "is_exempt": roster.is_exempt()}
    known = helped.annotate(**facts).prefetch_related("user__passes")
    for found in known.iterator(chunk_size=500):
        member: Any = found
        yield Helped(
            joined_at=member.joined_at,
            enrolled_at=member.user.enrolled_at,
            has_device=member.is_ready,
            is_exempt=member.is_exempt,
            passes=list(member.user.passes.all()),
        )


class _Scale:
    """Instants and numbers as places in the picture."""

    def __init__(self, starts_at: datetime, ends_at: datetime, highest: int) -> None:
        self.starts_at, self.span, self.highest = starts_at, ends_at - starts_at, highest

    def x(self, at: datetime) -> str:
        return _short(WIDTH * ((at - self.starts_at) / max(self.span, timedelta(seconds=1))))

    def y(self, number: int) -> str:
        return _short(HEIGHT * (1 - number / self.highest))

    def band(self, found: Sequence[Point], outcome: Outcome) -> str:
        """Return the area of ``outcome``, standing on those below it."""
        below = BANDS[: BANDS.index(outcome)]
        floors = [sum(point.numbers[each] for each in below) for point in found]
        roofs = [floor + point.numbers[outcome] for floor, point in zip(floors, found, strict=True)]
        if roofs == floors:
            return ""
        xs = [self.x(point.at) for point in found]
        there = self._line(zip(xs, roofs, strict=True))
        back = self._line(zip(reversed(xs), reversed(floors), strict=True))
        return f"M{there} L{back} Z"

    def _line(self, places: Iterable[tuple[str, int]]) -> str:
        return " L".join(f"{x} {self.y(number)}" for x, number in places)


def _short(value: float) -> str:
    return f"{value:.1f}"
