"""Which admin site Django's ``admin.site`` is. Read before models exist, so it imports none."""

from django.contrib.admin.apps import AdminConfig


class GatehouseAdminConfig(AdminConfig):
    default_site = "enforcement.admin_door.GatehouseAdminSite"
