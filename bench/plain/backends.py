"""The stock backend, told which model to load: ``get_user_model()`` is the product's."""

from typing import Any

from django.contrib.auth.backends import ModelBackend

from bench.plain.models import PlainUser


class PlainBackend(ModelBackend):
    """``ModelBackend.get_user``, line by line."""

    def get_user(self, user_id: int) -> Any:
        try:
            user: Any = PlainUser._default_manager.get(pk=user_id)
        except PlainUser.DoesNotExist:
            return None
        return user if self.user_can_authenticate(user) else None
