"""What an objection to a mail takes back: the devices and codes that the event made.

Called when somebody says "it wasn't me". A mailbox alone must not strip a person of a factor that
was there before the event, nor of one that was set up after it by somebody else.
"""

from datetime import datetime

from accounts import audit
from accounts.audit import Event
from accounts.models import Notice, User
from twofactor import enrolment, safety_net
from twofactor.models import BackupCodeSet, SMSDevice, TOTPDevice

FIRST, LATER, CODES = "set_up_done", {"device_added", "device_replaced"}, "codes_made"


def take_back(notice: Notice, user: User, *, now: datetime) -> None:
    """Delete what the event of ``notice`` made; the caller holds the lock and ends sessions."""
    device = codes = False
    if notice.kind == FIRST:
        device = _void_set_up(notice, user, now=now)
    elif notice.kind in LATER:
        device, codes = _delete_device(notice, user), _delete_codes(notice, user)
    elif notice.kind == CODES:
        codes = _delete_codes(notice, user)
    if device or codes:
        event = Event.DEVICE_REMOVED if device else Event.BACKUP_CODES_REMOVED
        after = {"by": "not_me", "mail": notice.kind}
        audit.record(event, subject=user, after=after, now=now)


def _void_set_up(notice: Notice, user: User, *, now: datetime) -> bool:
    """Delete all that came of a first set-up: whatever was added since was added with its device.

    A newer first set-up means that support, or the end of a pass, took the whole set away before:
    what the person holds now is another's.
    """
    newer = Notice.objects.filter(user=user, kind=FIRST, pk__gt=notice.pk)
    has_any = any(model.objects.filter(user=user).exists() for model in (TOTPDevice, SMSDevice))
    if newer.exists() or not has_any:
        return False
    enrolment.void_all(user, now=now)
    return True


def _delete_device(notice: Notice, user: User) -> bool:
    """Delete the device that was added, if it is still the one."""
    name, _, rest = notice.occasion.partition(":")
    number = rest.partition(":")[0]
    model = TOTPDevice if name == TOTPDevice._meta.model_name else SMSDevice
    with safety_net.suspended():
        deleted, _ = model.objects.confirmed().filter(user=user, pk=int(number)).delete()
    return bool(deleted)


def _delete_codes(notice: Notice, user: User) -> bool:
    """Delete the codes that were made then; newer ones have a mail of their own."""
    at = datetime.fromisoformat(notice.context["at"])
    deleted, _ = BackupCodeSet.objects.filter(user=user, created_at=at).delete()
    return bool(deleted)
