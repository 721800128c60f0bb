"""The safety net's ear for single devices; bulk changes go through ``models.FactorQuerySet``."""

from typing import Any

from django.db.models.signals import post_save
from django.dispatch import receiver

from twofactor import safety_net
from twofactor.models import SMSDevice, TOTPDevice


@receiver(post_save, sender=TOTPDevice)
@receiver(post_save, sender=SMSDevice)
def renew_stamp(
    instance: TOTPDevice | SMSDevice, update_fields: frozenset[str] | None, **kwargs: Any
) -> None:
    if instance.confirmed:
        safety_net.device_saved(instance.user_id, update_fields)
