"""What this app hears and is asked: single devices, objections to its mails, who has a factor.

Bulk changes of devices go through ``models.FactorQuerySet``.
"""

from datetime import datetime
from typing import Any

from django.db.models.signals import post_save
from django.dispatch import receiver

from accounts import sso_linking
from accounts.models import Notice, User
from accounts.signals import objected
from twofactor import devices, objections, safety_net
from twofactor.models import SMSDevice, TOTPDevice


@receiver(post_save, sender=TOTPDevice)
@receiver(post_save, sender=SMSDevice)
def renew_stamp(
    instance: TOTPDevice | SMSDevice, update_fields: frozenset[str] | None, **kwargs: Any
) -> None:
    if instance.confirmed:
        safety_net.device_saved(instance.user_id, update_fields)


@receiver(objected)
def take_back(sender: Any, *, notice: Notice, user: User, now: datetime, **kwargs: Any) -> None:
    objections.take_back(notice, user, now=now)


sso_linking.register_factor(devices.can_verify)
