"""The pages of this app."""

from django.urls import path

from twofactor.views import challenge, confirming, reauthentication, security, setup, twilio

urlpatterns = [
    path("login/verify/", challenge.verify, name="verify"),
    path("login/verify/text/", challenge.verify_text, name="verify_text"),
    path("login/recovery/", challenge.recovery, name="recovery"),
    path("login/cancel/", challenge.login_cancel, name="login_cancel"),
    path("two-factor/setup/link/<str:token>/", setup.setup_link, name="setup_link"),
    path("two-factor/setup/mailbox/", setup.setup_mailbox, name="setup_mailbox"),
    path("two-factor/setup/", setup.setup, name="setup"),
    path("two-factor/setup/app/", confirming.setup_app, name="setup_app"),
    path("two-factor/setup/text/", confirming.setup_text, name="setup_text"),
    path(
        "two-factor/setup/text/confirm/", confirming.setup_text_confirm, name="setup_text_confirm"
    ),
    path("two-factor/setup/text/send/", confirming.setup_text_send, name="setup_text_send"),
    path("two-factor/backup-codes/", security.backup_codes, name="backup_codes"),
    path("two-factor/replace/", security.device_replace, name="device_replace"),
    path("two-factor/remove/<str:method>/", security.device_remove, name="device_remove"),
    path("settings/security/", security.security, name="security"),
    path("reauthenticate/", reauthentication.reauthenticate, name="reauthenticate"),
    path("reauthenticate/text/", reauthentication.reauthenticate_text, name="reauthenticate_text"),
    path("webhooks/twilio/status/", twilio.twilio_status, name="twilio_status"),
]
