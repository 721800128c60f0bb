"""Acts with identity providers."""

from typing import Any

from django.urls import reverse

from accounts import (
    providers,
    sso_linking,
)
from accounts.models import Provider
from enforcement.admin_provider_trial import GO
from tests.accounts.entered import DETAILS, ENTERED, REASON
from tests.enforcement.desk import support_browser
from tests.enforcement.kit import browser
from tests.factories import make_identity, make_provider
from tests.security.acts_world import Deed, World


def sso_refused(w: World) -> Deed:
    provider = make_provider(w.account, now=w.now)
    return lambda: browser().get(f"/sso/{provider.slug}/callback/", {"state": "made up"})


def sso_linked(w: World) -> Deed:
    provider = make_provider(w.account, now=w.now)
    return lambda: sso_linking.link(provider, w.ada, "ada", now=w.now)


def provider_added(w: World) -> Deed:
    return lambda: providers.add(account=w.account, **ENTERED, **by_support(w))


def by_support(w: World) -> dict[str, Any]:
    return {"actor": w.sam, "reason": REASON, "now": w.now}


def provider_of(w: World) -> Provider:
    return make_provider(w.account, now=w.now)


def provider_changed(w: World) -> Deed:
    provider = provider_of(w)
    return lambda: providers.change(provider=provider, details=DETAILS, **by_support(w))


def provider_secret_rotated(w: World) -> Deed:
    provider = provider_of(w)
    return lambda: providers.rotate_secret(provider=provider, secret="new", **by_support(w))


def provider_off(w: World) -> Deed:
    provider = provider_of(w)
    return lambda: providers.switch_off(provider=provider, **by_support(w))


def provider_cut_off(w: World) -> Deed:
    provider = provider_of(w)
    return lambda: providers.cut_off(provider=provider, **by_support(w))


def provider_tested(w: World) -> Deed:
    provider = make_provider(w.account, now=w.now, issuer="https://127.0.0.1")  # never asked
    client, path = support_browser(), reverse("admin:accounts_provider_test", args=[provider.pk])
    return lambda: client.get(path, {GO: "1"})


def sso_unlinked(w: World) -> Deed:
    identity = make_identity(provider_of(w), w.ada, now=w.now)
    return lambda: providers.unlink(identity=identity, **by_support(w))
