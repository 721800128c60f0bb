"""Moving everything sealed to the newest of ``FIELD_KEYS``, so that an old one can be removed.

Called by ``rotate_keys``. Sign-ins go on meanwhile: old and new keys are both read, and a row is
written only under its lock. Killed half-way, it goes on with the rows that are left.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Model

from accounts import audit, sealing, seals
from accounts.audit import Event
from accounts.models import Provider
from twofactor import phones, safety_net
from twofactor.models import BackupCode, SMSDevice, TOTPDevice

CHUNK = 200
LINK_LIFE = timedelta(days=7)  # of whichever link in a mail lives longest


def reseal_all(*, now: datetime) -> dict[str, int]:
    """Reseal what lies under an older key; return how many rows of each kind that were.

    :raises sealing.Unreadable: for a row whose key is gone; nothing of its chunk is changed.
    """
    counts = {
        "apps": _reseal(TOTPDevice, _reseal_app),
        "phones": _reseal(SMSDevice, _reseal_phone),
        "backup_codes": _reseal(BackupCode, _reseal_code),
        "providers": _reseal(Provider, _reseal_provider),
    }
    audit.record(Event.KEYS_ROTATED, after=counts, now=now)
    # With the last seal under the newest key, the chain needs none of the older ones.
    with transaction.atomic():
        seals.lock()
        seals.seal_all(back=None)
    return counts


def _chunks(model: type[Model]) -> Iterator[list[int]]:
    """Yield all keys of ``model`` in their order, a chunk at a time."""
    last = 0
    while True:
        rows = model._default_manager.filter(pk__gt=last).order_by("pk")
        chunk = list(rows.values_list("pk", flat=True)[:CHUNK])
        if not chunk:
            return
        yield chunk
        last = chunk[-1]


def _reseal(model: type[Model], reseal_one: Any) -> int:
    count = 0
    for chunk in _chunks(model):
        with transaction.atomic(), safety_net.suspended():
            rows = model._default_manager.select_for_update(of=("self",)).filter(pk__in=chunk)
            count += sum(reseal_one(row) for row in rows)
    return count


def _reseal_app(device: TOTPDevice) -> bool:
    if sealing.is_current(device.secret):
        return False
    device.seal_secret(device.open_secret())
    device.save(update_fields=["secret"])
    return True


def _reseal_phone(device: SMSDevice) -> bool:
    if sealing.is_current(device.number):
        return False
    number = device.open_number()
    device.seal_number(number)
    device.number_key = phones.number_key(number)
    device.save(update_fields=["number", "number_key"])
    return True


def _reseal_code(code: BackupCode) -> bool:
    if sealing.is_current(code.sealed_hash):
        return False
    bound_to = code.code_set.bound_to()
    plain = sealing.unseal(code.sealed_hash, bound_to=bound_to)
    code.sealed_hash = sealing.seal(plain, bound_to=bound_to)
    code.save(update_fields=["sealed_hash"])
    return True


def _reseal_provider(provider: Provider) -> bool:
    if not provider.client_secret or sealing.is_current(provider.client_secret):
        return False
    provider.seal_client_secret(provider.open_client_secret())
    provider.save(update_fields=["client_secret"])
    return True
