"""The app of second factors, on django-otp's device framework."""

from django.apps import AppConfig


class TwofactorConfig(AppConfig):
    name = "twofactor"
    verbose_name = "Two-factor authentication"

    def ready(self) -> None:
        from accounts import figures  # noqa: PLC0415 - its models come with the apps
        from twofactor import notices, receivers, texts  # noqa: F401, PLC0415 - register

        figures.add_source(texts.figures_of_texts)
