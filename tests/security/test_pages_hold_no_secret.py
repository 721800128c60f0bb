"""S54: no page of the admin, and no file from it, holds what is secret of anybody's factors."""

import base64
import re
from typing import Any

import pytest
from django.apps import apps
from django.test import Client

from accounts.models import Provider, SeenAssertion, SSOAttempt, User
from tests.enforcement.kit import sign_in, sign_in_with_code
from tests.journeys.clock import Clock
from tests.odd.world import undone
from tests.security.admin_routes import Kind, spots
from tests.security.two_accounts import World, make_world
from tests.twofactor.people import NUMBER, enrol_app, enrol_phone, text
from twofactor.models import TOTPDevice

pytestmark = [pytest.mark.django_db, pytest.mark.proves("S54")]

LOOKS_SECRET = re.compile(r"hash|nonce|secret|salt|stamp|password|key|proof|number$|data$")
SECRETS = {
    "Identity.stamp_at_end",
    "BackupCode.sealed_hash", "BackupCodeSet.salt", "Invitation.nonce", "Invitation.token_hash",
    "Notice.nonce", "SMSDevice.number", "SMSDevice.number_key", "SentCode.code_hash",
    "Provider.client_secret", "SSOAttempt.browser_key", "SSOAttempt.nonce", "SSOAttempt.state_key",
    "SeenAssertion.assertion_key", "SentCode.destination_key", "SentCode.nonce",
    "Session.session_data", "Session.session_key", "Session.stamp", "TOTPDevice.secret",
    "User.mailbox_nonce", "User.password", "User.session_salt", "User.stamp",
}  # fmt: skip
# Times, and what the audit is proved by: support reads the chain.
OPEN = {
    "AuditEvent.number", "AuditEvent.proof", "AuditHead.hash", "AuditSeal.hash", "AuditSeal.number",
    "AuditSeal.proof", "User.password_reset_at", "User.password_stopped_at",
}  # fmt: skip


def models() -> list[Any]:
    labels = ("accounts", "twofactor", "enforcement")
    return [model for label in labels for model in apps.get_app_config(label).get_models()]


def test_every_column_that_looks_secret_is_one_or_is_known_not_to_be() -> None:
    found = {
        f"{model.__name__}.{field.name}"
        for model in models()
        for field in model._meta.concrete_fields
        if LOOKS_SECRET.search(field.name) and not field.is_relation
    }
    assert found == SECRETS | OPEN


def secrets() -> set[tuple[str, str]]:
    """Return all that is secret, in each way to write it, with where it is from."""
    found = {(NUMBER, "a phone number")}
    for model in models():
        columns = {name for name in SECRETS if name.startswith(f"{model.__name__}.")}
        for row in model.objects.values():
            for column in columns:
                found |= {(secret, column) for secret in written(row[column.split(".")[1]])}
    found |= {(device.open_secret(), "a seed") for device in TOTPDevice.objects.all()}
    found |= {(each.open_client_secret(), "a client's") for each in Provider.objects.all()}
    return {(secret, place) for secret, place in found if len(secret) > 8}


def written(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    data = bytes(value or b"")
    return [data.hex(), base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode()]


@pytest.fixture
def world(clock: Clock) -> World:
    world = make_world(clock)
    phone = enrol_phone(User.objects.get(email=world.alpha.member.email), now=clock.now)
    text(phone, now=clock.now)
    enrol_app(world.alpha.locked_out, now=clock.now)
    provider = world.alpha.account.providers.get()
    provider.identities.update(stamp_at_end="the stamp of an end")
    SSOAttempt.objects.create(
        provider=provider,
        state_key="the key of a state",
        browser_key="the key of a browser",
        nonce="nonce of an attempt",
        started_at=clock.now,
    )
    SeenAssertion.objects.create(
        provider=provider, assertion_key="the key of an assertion", seen_at=clock.now
    )
    return world


@pytest.mark.parametrize("who", ["owner", "support", "superuser"])
def test_no_answer_of_the_admin_holds_a_secret(who: str, world: World) -> None:
    people = {"support": world.support, "superuser": world.root}
    client: Client = (
        sign_in(world.alpha.owner) if who == "owner" else sign_in_with_code(people[who])
    )
    hidden = secrets()
    assert {place for _, place in hidden} >= SECRETS
    for spot in spots(world.alpha):
        if spot.kind is not Kind.LEAVING:
            method = "post" if spot.kind in {Kind.FILE, Kind.BUTTON} else "get"
            with undone(client):
                said = getattr(client, method)(spot.path).getvalue().decode()
            shown = {place for secret, place in hidden if secret in said}
            assert not shown, (spot, shown)
