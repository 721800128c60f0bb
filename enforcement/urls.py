"""The pages of this app."""

from django.conf import settings
from django.urls import path
from django.urls.resolvers import URLPattern

from enforcement import invitation_views, styleguide, views

urlpatterns: list[URLPattern] = [
    path("login/continue/", views.continue_sign_in, name="continue"),
    path("login/help/", views.help_page, name="help"),
    path("accounts/<slug:slug>/", views.account, name="account"),
    path("accounts/<slug:slug>/leave/", views.account_leave, name="account_leave"),
    path(
        "accounts/<slug:slug>/members/<int:pk>/remove/", views.member_remove, name="member_remove"
    ),
    path("accounts/<slug:slug>/members/<int:pk>/pass/", views.member_pass, name="member_pass"),
    path("invitations/continue/", invitation_views.invitation_continue, name="invitation_continue"),
    path("invitations/<str:token>/", invitation_views.invitation, name="invitation"),
    path("pass/end/", views.pass_end, name="pass_end"),
    path("pass/<int:pk>/end/", views.member_pass_end, name="member_pass_end"),
]

if settings.LOCAL_PAGES:
    urlpatterns += [
        path("styleguide/", styleguide.parts, name="styleguide"),
        path("styleguide/fault/<str:name>/", styleguide.fault, name="styleguide_fault"),
        path("styleguide/mail/", styleguide.mails, name="styleguide_mail"),
        path("styleguide/mail/<slug:name>/", styleguide.mail_html, name="styleguide_mail_html"),
    ]
