"""Setting up, replacing and removing devices: the one way in which a person's set of them changes.

Each change is made under the lock of the person's row and renews the stamp that was read before
it, so that of two browsers that set up at the same time one gets in and the other starts over.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit, mail, sessions, wording
from accounts.audit import Event
from accounts.models import EndReason, User, random_value
from twofactor import backup_codes, devices, safety_net, texts, totp
from twofactor.models import BackupCodeSet, SentCode, SMSDevice, TOTPDevice
from twofactor.phones import Phone
from twofactor.redeem import CodeRejected, Redeemed, StartOver, TooMany, Try, redeemed
from twofactor.signals import device_confirmed, device_removed

__all__ = ["CodeRejected", "StartOver", "TooMany"]

Device = TOTPDevice | SMSDevice


class LastDevice(Exception):
    """The last device stays: it is required, or taking it away is not for the person to decide."""


class NotEnrolled(Exception):
    """The person has no device that verifies."""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A completed set-up; ``codes`` are shown in the same response and nowhere else."""

    user: User
    device: Device
    codes: list[str]


# Whether a person must keep a device, as the app above knows it; asked for the last one only.
_requirements: list[Callable[[User, datetime], bool]] = []


def register_requirement(is_required: Callable[[User, datetime], bool]) -> None:
    _requirements.append(is_required)


def method_name(device: Device) -> str:
    """Return how a mail's row keeps this kind of device; ``twofactor.notices`` has the words."""
    return _("authenticator app") if isinstance(device, TOTPDevice) else _("text message")


@transaction.atomic
def begin_app(user: User, *, attempt: str, now: datetime) -> TOTPDevice:
    """Return the app that is being set up in ``attempt``, with a new secret if there is none.

    A refresh, a typo or a second tab finds the secret that was already scanned.
    """
    user = User.objects.locked(user.pk)
    app = devices.pending_app(user, attempt=attempt, now=now)
    if app is None:
        TOTPDevice.objects.pending().filter(user=user, attempt=attempt).delete()
        app = TOTPDevice(
            user=user, name=_("Authenticator app"), confirmed=False, attempt=attempt, created_at=now
        )
        app.seal_secret(totp.new_secret())
        app.save()
    return app


@transaction.atomic
def begin_phone(user: User, phone: Phone, *, attempt: str, now: datetime) -> SMSDevice:
    """Return the phone that is being set up in ``attempt``; another number takes its place."""
    user = User.objects.locked(user.pk)
    found = devices.pending_phone(user, attempt=attempt, now=now)
    if found is not None and found.number_key == phone.key:
        return found
    SMSDevice.objects.pending().filter(user=user, attempt=attempt).delete()
    device = SMSDevice(
        user=user,
        name=_("Phone"),
        confirmed=False,
        attempt=attempt,
        number_key=phone.key,
        last2=phone.last2,
        created_at=now,
    )
    device.seal_number(phone.e164)
    device.save()
    return device


def text_setup_code(
    user: User, device: SMSDevice, *, attempt: str, address: str, now: datetime
) -> SentCode:
    """Text the code that proves the number of ``device``; raises what ``texts.send_code`` does."""
    return texts.send_code(
        user,
        device,
        purpose=SentCode.Purpose.SET_UP,
        attempt=attempt,
        address=address,
        now=now,
    )


def confirm(given: Try, *, stamp_read: str, now: datetime) -> Confirmed:
    """Confirm the device that ``given`` was read from.

    :raises CodeRejected: for a wrong code; the old device and codes stay as they are.
    :raises TooMany: when the budget is spent.
    :raises StartOver: if another browser changed the person's devices since ``stamp_read``.
    """
    # Whoever was faster deleted the device of this set-up, too: to say that its code is wrong would
    # be a lie, and would cost a try.
    given = replace(given, stamp_read=stamp_read)
    with safety_net.suspended(), redeemed(given, now=now) as accepted:
        return _confirm(accepted, stamp_read=stamp_read, now=now)


def _confirm(accepted: Redeemed, *, stamp_read: str, now: datetime) -> Confirmed:
    user, device = accepted.user, accepted.device
    if device is None:
        raise LookupError("Only a device can be confirmed.")
    had_device = devices.can_verify(user)
    replaced = _make_room(user, device)
    device.confirmed, device.confirmed_at, device.attempt = True, now, ""
    device.save()
    codes = backup_codes.replace_codes(user, now=now)
    _complete(user, is_first=not had_device, stamp_read=stamp_read, now=now)
    device_confirmed.send(sender=None, user=user, device=device, replaced=replaced, now=now)
    kind = "device_replaced" if replaced else "device_added" if had_device else "set_up_done"
    _tell(user, kind, device, now=now)
    after = {"method": device._meta.model_name, "replaced": replaced}
    audit.record(Event.DEVICE_CONFIRMED, actor=user, subject=user, after=after, now=now)
    user.refresh_from_db()
    return Confirmed(user, device, codes)


def _make_room(user: User, device: Device) -> bool:
    """Delete what the new device takes the place of; return whether a working one was among it.

    A pass has set the whole old set aside: set-up under it, or after it, replaces all of that.
    """
    model = type(device)
    set_aside = user.pass_until is not None
    replaced = not set_aside and model.objects.confirmed().filter(user=user).exists()
    for each in (TOTPDevice, SMSDevice):
        others = each.objects.filter(user=user)
        if each is model:
            others = others.exclude(pk=device.pk)
        elif not set_aside:
            others = others.pending()
        others.delete()
    return replaced


def _complete(user: User, *, is_first: bool, stamp_read: str, now: datetime) -> None:
    """Renew the stamp, so that all other sessions end, and void the mailed set-up links.

    A deadline that passed meanwhile stops nobody who is about to do what it asks for.
    """
    if sessions.was_only_signed_out(stamp_read, now_is=user.stamp):
        stamp_read = user.stamp
    _renew(user, stamp_read, EndReason.SET_UP if is_first else EndReason.FACTOR_CHANGED)
    user.enrolled_at, user.mailbox_nonce = now, random_value()
    user.save(update_fields=["enrolled_at", "mailbox_nonce"])


def _renew(user: User, stamp_read: str, reason: EndReason) -> None:
    if not sessions.renew_stamp_if(user, stamp_read=stamp_read, reason=reason):
        raise StartOver


def _tell(user: User, kind: str, device: Device, *, now: datetime) -> None:
    mail.owe(
        kind,
        to=user,
        occasion=f"{device._meta.model_name}:{device.pk}:{now.isoformat()}",
        context={"method": method_name(device), "at": now.isoformat()},
        now=now,
    )


@transaction.atomic
def new_codes(user: User, *, stamp_read: str, now: datetime) -> list[str]:
    """Void the person's backup codes and return ten new ones, to be shown once.

    :raises NotEnrolled: without a device that verifies; codes alone are no second factor.
    :raises StartOver: if another browser changed something since ``stamp_read``.
    """
    locked = User.objects.locked(user.pk)
    if not devices.can_verify(locked):
        raise NotEnrolled
    codes = backup_codes.replace_codes(locked, now=now)
    _renew(locked, stamp_read, EndReason.FACTOR_CHANGED)
    user.stamp = locked.stamp
    mail.owe(
        "codes_made", to=user, occasion=now.isoformat(), context={"at": now.isoformat()}, now=now
    )
    return codes


def may_remove(user: User, *, now: datetime) -> bool:
    """Whether ``user`` may take a device away: one of two, or the last one by self-service."""
    if devices.app_of(user) is not None and devices.phone_of(user) is not None:
        return True
    is_required = any(asked(user, now) for asked in _requirements)
    return settings.TWO_FACTOR_SELF_SERVICE and bool(_requirements) and not is_required


@transaction.atomic
def remove(user: User, *, method: str, stamp_read: str, now: datetime) -> None:
    """Take away the person's ``app`` or ``text``.

    :raises NotEnrolled: if there is no such device, or a pass has set it aside.
    :raises LastDevice: if the person may not be without it.
    :raises StartOver: if another browser changed something since ``stamp_read``.
    """
    locked = User.objects.locked(user.pk)
    device = devices.app_of(locked) if method == "app" else devices.phone_of(locked)
    if device is None or locked.pass_until is not None:
        raise NotEnrolled
    if not may_remove(locked, now=now):
        raise LastDevice
    with safety_net.suspended():
        device.delete()
        if not devices.has_device(locked):
            BackupCodeSet.objects.filter(user=locked).delete()
    _renew(locked, stamp_read, EndReason.FACTOR_CHANGED)
    user.stamp = locked.stamp
    mail.owe(
        "device_removed",
        to=user,
        occasion=f"{method}:{now.isoformat()}",
        context={"method": method_name(device), "at": now.isoformat()},
        now=now,
    )
    device_removed.send(sender=None, user=user, now=now)
    audit.record(Event.DEVICE_REMOVED, actor=user, subject=user, before={"method": method}, now=now)


def void_all(user: User, *, now: datetime) -> None:
    """Delete every device and code of ``user``, pending ones too. The caller renews the stamp."""
    with transaction.atomic(), safety_net.suspended():
        TOTPDevice.objects.filter(user=user).delete()
        SMSDevice.objects.filter(user=user).delete()
        BackupCodeSet.objects.filter(user=user).delete()
        device_removed.send(sender=None, user=user, now=now)


@transaction.atomic
def reset(user: User, *, actor: User | None, reason: str, now: datetime) -> None:
    """Support takes away everything; the caller has checked that ``actor`` may."""
    locked = User.objects.locked(user.pk)
    void_all(locked, now=now)
    sessions.renew_stamp(User.objects.filter(pk=user.pk), reason=EndReason.RESET)
    context = {"at": now.isoformat(), "reason": reason, "actor_name": wording.SUPPORT}
    mail.owe("reset", to=locked, occasion=now.isoformat(), context=context, now=now)
    audit.record(
        Event.TWO_FACTOR_RESET, actor=actor, subject=locked, after={"reason": reason}, now=now
    )


def discard_stale(*, now: datetime) -> None:
    """Housekeeping: delete set-ups that nobody finished."""
    for model in (TOTPDevice, SMSDevice):
        model.objects.pending().filter(created_at__lte=now - devices.SETUP_LIFE).delete()


def discard(user: User, *, attempt: str) -> None:
    """The person cancelled: delete what was being set up."""
    for model in (TOTPDevice, SMSDevice):
        model.objects.pending().filter(user=user, attempt=attempt).delete()
