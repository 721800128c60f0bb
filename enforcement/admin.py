"""What this app puts into the admin; the pages themselves are in ``enforcement.admin_*``."""

from django.contrib import admin

from accounts.models import Account, User
from enforcement.admin_accounts import AccountAdmin
from enforcement.admin_people import UserAdmin

admin.site.register(Account, AccountAdmin)
admin.site.register(User, UserAdmin)
