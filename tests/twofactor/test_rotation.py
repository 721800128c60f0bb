from datetime import datetime
from typing import Any

import pytest

from tests.factories import make_account, make_provider
from tests.twofactor.people import (
    attempt_of,
    enrol_app,
    enrol_phone,
    redeem,
    stamp_of,
    text,
    texted,
)
from twofactor import rotation
from twofactor.models import SMSDevice, TOTPDevice
from twofactor.redeem import Kind

pytestmark = pytest.mark.django_db

OLD, NEW = "an-old-key-of-more-than-32-characters", "a-new-key-of-more-than-32-characters"


def test_the_old_key_can_be_removed_after_a_rotation(now: datetime, settings: Any) -> None:
    settings.FIELD_KEYS = [OLD]
    ada, ben = enrol_app(now=now), enrol_phone(now=now)
    provider = make_provider(make_account(), now=now)
    settings.FIELD_KEYS = [NEW, OLD]
    stamp = stamp_of(ada.user)
    assert rotation.reseal_all(now=now) == {
        "apps": 1,
        "phones": 1,
        "backup_codes": 20,
        "providers": 1,
    }
    assert rotation.reseal_all(now=now) == {
        "apps": 0,
        "phones": 0,
        "backup_codes": 0,
        "providers": 0,
    }
    assert stamp_of(ada.user) == stamp
    settings.FIELD_KEYS = [NEW]
    assert redeem(attempt_of(ada.user, ada.code_at(now)), now=now) is Kind.APP
    assert redeem(attempt_of(ben.user, ben.codes[0], kind=Kind.BACKUP), now=now) is Kind.BACKUP
    assert SMSDevice.objects.get(user=ben.user).open_number().endswith("23")
    provider.refresh_from_db()
    assert provider.open_client_secret() == "a secret shared with the provider"


def test_a_rotation_goes_on_where_it_was_killed(
    now: datetime, settings: Any, monkeypatch: Any
) -> None:
    settings.FIELD_KEYS = [OLD]
    people = [enrol_app(now=now) for _ in range(5)]
    settings.FIELD_KEYS = [NEW, OLD]
    monkeypatch.setattr(rotation, "CHUNK", 2)
    sealed: list[int] = []
    seal = TOTPDevice.seal_secret

    def dies_at_the_third(device: TOTPDevice, secret: str) -> None:
        if len(sealed) == 2:
            raise KeyboardInterrupt
        sealed.append(device.pk)
        seal(device, secret)

    monkeypatch.setattr(TOTPDevice, "seal_secret", dies_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        rotation.reseal_all(now=now)
    monkeypatch.setattr(TOTPDevice, "seal_secret", seal)
    assert rotation.reseal_all(now=now)["apps"] == 3
    settings.FIELD_KEYS = [NEW]
    for person in people:
        assert redeem(attempt_of(person.user, person.code_at(now)), now=now) is Kind.APP


def test_a_text_sent_before_a_rotation_is_still_good(now: datetime, settings: Any) -> None:
    settings.FIELD_KEYS = [OLD]
    ben = enrol_phone(now=now)
    sent = text(ben, now=now)
    given = texted(ben, sent)
    settings.FIELD_KEYS = [NEW, OLD]
    rotation.reseal_all(now=now)
    assert redeem(given, now=now) is Kind.TEXT
