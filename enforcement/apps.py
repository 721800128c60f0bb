"""The app of the requirement: who must do what, by when, and what holds them to it."""

from django.apps import AppConfig


class EnforcementConfig(AppConfig):
    name = "enforcement"
    verbose_name = "Two-factor requirement"

    def ready(self) -> None:
        from accounts import figures  # noqa: PLC0415 - its models come with the apps
        from enforcement import checks, mails, pulse, receivers  # noqa: F401, PLC0415 - register

        figures.add_source(pulse.figures)
