"""The root of all URLs; each app keeps its own."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("accounts.urls")),
    path("", include("twofactor.urls")),
    path("", include("enforcement.urls")),
    path("admin/", admin.site.urls),
]

handler404 = "accounts.languages.page_not_found"
handler500 = "accounts.views.faults.server_error"
