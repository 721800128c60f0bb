"""The admin site: one door, ours; open to support staff and, for their account, to owners."""

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig


class GatehouseAdminSite(AdminSite):
    site_header = site_title = "Gatehouse"


class GatehouseAdminConfig(AdminConfig):
    default_site = "enforcement.admin_site.GatehouseAdminSite"
