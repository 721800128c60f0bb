"""The app of second factors, on django-otp's device framework."""

from django.apps import AppConfig


class TwofactorConfig(AppConfig):
    name = "twofactor"
    verbose_name = "Two-factor authentication"

    def ready(self) -> None:
        from twofactor import notices, receivers  # noqa: F401, PLC0415 - they register themselves
