"""What this app puts into the admin; the pages themselves are in ``enforcement.admin_*``."""

from django.contrib import admin

from accounts.models import Account, Provider, User
from enforcement.admin_accounts import AccountAdmin
from enforcement.admin_people import UserAdmin
from enforcement.admin_providers import ProviderAdmin

admin.site.register(Account, AccountAdmin)
admin.site.register(User, UserAdmin)
admin.site.register(Provider, ProviderAdmin)
