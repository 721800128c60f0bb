"""System checks of this app."""

from collections.abc import Sequence
from typing import Any

import phonenumbers
from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register()
def countries_have_numbers(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """A code that names no country would be offered, and no number would ever fit it."""
    unknown = sorted(set(settings.SMS_COUNTRIES) - phonenumbers.SUPPORTED_REGIONS)
    if not unknown:
        return []
    return [
        Error(
            f"SMS_COUNTRIES names {', '.join(unknown)}, which have no telephone numbers.",
            hint="Codes are those of ISO 3166-1, such as GB for the United Kingdom.",
            id="twofactor.E001",
        )
    ]
