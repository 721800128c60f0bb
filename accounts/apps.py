"""The app of people, accounts and sessions; the lowest of the three."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        from accounts import checks, notices  # noqa: F401, PLC0415 - they register themselves
