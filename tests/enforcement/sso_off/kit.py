"""What tests of a provider that was switched off have in common."""

from datetime import datetime

from accounts import providers
from accounts.models import Notice, Provider, User
from enforcement.standing import facts_of
from tests.factories import make_user


def support() -> User:
    return make_user(is_staff=True)


def switch_off(provider: Provider, *, at: datetime) -> None:
    providers.switch_off(provider=provider, actor=support(), reason="asked by the owner", now=at)


def due_at(person: User) -> datetime | None:
    return facts_of(User.objects.get(pk=person.pk)).due_at


def told(kind: str) -> list[str]:
    return sorted(Notice.objects.filter(kind=kind).values_list("recipient", flat=True))
