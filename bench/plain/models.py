"""A user with exactly the columns of Django's own, which can't be used beside ours."""

from django.contrib.auth.models import AbstractUser, Group, Permission
from django.db import models


class PlainUser(AbstractUser):
    """Stock in everything that a request reads."""

    # Django's own names are taken by the product's user.
    groups = models.ManyToManyField(Group, related_name="+")  # type: ignore[assignment]
    user_permissions = models.ManyToManyField(Permission, related_name="+")  # type: ignore[assignment]
