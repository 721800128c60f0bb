"""What tests start from: people and accounts, made by the product's own functions."""

from datetime import datetime
from itertools import count
from typing import Any

from accounts.models import Account, Identity, Membership, Plan, Provider, Role, User

PASSWORD = "correct horse battery"

_numbers = count(1)


def make_user(email: str = "", *, password: str | None = PASSWORD, **fields: Any) -> User:
    """Store a person with a password of their own."""
    return User.objects.create_user(
        email=email or f"person{next(_numbers)}@northwind.example", password=password, **fields
    )


def make_account(
    slug: str = "",
    *,
    owner: User | None = None,
    members: tuple[User, ...] = (),
    plan: Plan = Plan.ENTERPRISE,
    **fields: Any,
) -> Account:
    """Store an account with an owner and members."""
    slug = slug or f"account-{next(_numbers)}"
    account = Account.objects.create(slug=slug, name=slug.title(), plan=plan, **fields)
    Membership.objects.create(account=account, user=owner or make_user(), role=Role.OWNER)
    for member in members:
        Membership.objects.create(account=account, user=member)
    return account


def make_provider(account: Account, *, now: datetime, **fields: Any) -> Provider:
    """Store a provider of OpenID Connect for ``account``, live since ``now``."""
    number = next(_numbers)
    given = {
        "slug": f"{account.slug}-{number}",
        "name": f"Provider {number}",
        "issuer": f"https://idp{number}.example",
        "client_id": "gatehouse",
        "created_at": now,
        **fields,
    }
    provider = Provider(account=account, **given)
    provider.seal_client_secret("a secret shared with the provider")
    provider.save()
    return provider


def make_identity(provider: Provider, user: User, *, now: datetime) -> Identity:
    """Let ``provider`` know ``user``."""
    return Identity.objects.create(
        provider=provider, user=user, subject=f"subject-{user.pk}", created_at=now, last_at=now
    )
