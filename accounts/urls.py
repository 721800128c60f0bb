"""The pages of this app. The account's own page is one app higher, beside the requirement."""

from django.conf import settings as project
from django.urls import path
from django.urls.resolvers import URLPattern

from accounts import outbox_views
from accounts.views import account, entrance, probes, settings, sso, sso_answers

urlpatterns: list[URLPattern] = [
    path("", account.home, name="home"),
    path("login/", entrance.login, name="login"),
    path("logout/", entrance.logout, name="logout"),
    path("language/", entrance.language, name="language"),
    path("password/reset/", entrance.password_reset, name="password_reset"),
    path("password/reset/done/", entrance.password_reset_done, name="password_reset_done"),
    path(
        "password/reset/complete/", entrance.password_reset_complete, name="password_reset_complete"
    ),
    path(
        "password/reset/<uidb64>/<token>/",
        entrance.password_reset_confirm,
        name="password_reset_confirm",
    ),
    path("accounts/<slug:slug>/invite/", account.account_invite, name="account_invite"),
    path(
        "accounts/<slug:slug>/invitations/<int:pk>/revoke/",
        account.invitation_revoke,
        name="invitation_revoke",
    ),
    path("accounts/<slug:slug>/members/<int:pk>/role/", account.member_role, name="member_role"),
    path("settings/", settings.profile, name="settings_profile"),
    path("settings/email/", settings.email, name="settings_email"),
    path(
        "settings/email/confirm/<str:token>/",
        settings.email_confirm,
        name="settings_email_confirm",
    ),
    path("settings/password/", settings.password, name="settings_password"),
    path("settings/delete/", settings.delete, name="settings_delete"),
    path("settings/sessions/<str:handle>/end/", settings.session_end, name="session_end"),
    path("settings/sessions/end-all/", settings.sessions_end_all, name="sessions_end_all"),
    path("not-me/<str:token>/", settings.not_me, name="not_me"),
    path("sso/", sso.choose, name="sso_choose"),
    path("sso/<slug:slug>/", sso.start, name="sso_start"),
    path("sso/<slug:slug>/callback/", sso_answers.callback, name="sso_callback"),
    path("sso/<slug:slug>/metadata/", sso_answers.metadata, name="sso_metadata"),
    path("sso/<slug:slug>/link/", sso.link, name="sso_link"),
    path("sso/<slug:slug>/prove/", sso.prove, name="sso_prove"),
    path("health/live", probes.live, name="health_live"),
    path("health/ready", probes.ready, name="health_ready"),
    path("metrics", probes.metrics, name="metrics"),
]

if project.LOCAL_PAGES:
    urlpatterns.append(path("outbox/", outbox_views.outbox, name="outbox"))
