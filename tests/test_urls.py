"""Every view with its purpose, as one literal: whoever opens a view changes it here, too."""

from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path, resolve
from pytest_django import Settings

from accounts import purposes
from accounts.purposes import Purpose
from settings.urls import urlpatterns as product_urls
from tests.routes import Route, routes

PURPOSES = {
    "home": "MEMBER",
    "login": "OPEN",
    "logout": "OPEN",
    "language": "OPEN",
    "password_reset": "OPEN",
    "password_reset_done": "OPEN",
    "password_reset_complete": "OPEN",
    "password_reset_confirm": "OPEN",
    "account": "MEMBER",
    "account_invite": "MEMBER",
    "account_leave": "LEAVING",
    "invitation_revoke": "MEMBER",
    "member_role": "MEMBER",
    "member_remove": "MEMBER",
    "member_pass": "MEMBER",
    "member_pass_end": "MEMBER",
    "pass_end": "MEMBER",
    "invitation": "OPEN",
    "invitation_continue": "MEMBER",
    "settings_profile": "MEMBER",
    "settings_email": "MEMBER, fresh FACTOR",
    "settings_email_confirm": "OPEN",
    "settings_password": "MEMBER, fresh FACTOR",
    "settings_delete": "MEMBER, fresh FACTOR",
    "session_end": "MEMBER",
    "sessions_end_all": "MEMBER",
    "not_me": "OPEN",
    "sso_choose": "OPEN",
    "sso_start": "OPEN",
    "sso_callback": "OPEN",
    "sso_metadata": "OPEN",
    "sso_link": "OPEN",
    "sso_prove": "MEMBER",
    "continue": "ENTRANCE",
    "help": "ENTRANCE",
    "login_cancel": "CANCEL",
    "verify": "CHALLENGE",
    "verify_text": "CHALLENGE",
    "recovery": "CHALLENGE",
    "setup_link": "OPEN",
    "setup_mailbox": "ENROLMENT, fresh FACTOR",
    "setup": "ENROLMENT, fresh FACTOR",
    "setup_app": "ENROLMENT, fresh FACTOR",
    "setup_text": "ENROLMENT, fresh FACTOR",
    "setup_text_confirm": "ENROLMENT, fresh FACTOR",
    "setup_text_send": "ENROLMENT, fresh FACTOR",
    "backup_codes": "MEMBER",  # new codes ask for fresh proof themselves, the tick does not
    "device_replace": "MEMBER",
    "device_remove": "MEMBER, fresh FACTOR",
    "security": "MEMBER",
    "reauthenticate": "MEMBER",
    "reauthenticate_text": "MEMBER",
    "health_live": "MACHINE",
    "health_ready": "MACHINE",
    "metrics": "MACHINE",
    "twilio_status": "MACHINE",
    # Routed by local settings alone:
    "outbox": "OPEN",
    "styleguide": "OPEN",
    "styleguide_fault": "OPEN",
    "styleguide_mail": "OPEN",
    "styleguide_mail_html": "OPEN",
}


def purpose_of(route: Route) -> str:
    fresh = purposes.freshness_of(route.view)
    name = purposes.purpose_of(route.view).name
    return f"{name}, fresh {fresh.name}" if fresh else name


@pytest.mark.proves("S35")
def test_every_view_has_the_purpose_written_here() -> None:
    ours = [route for route in routes() if not route.name.startswith("admin:")]
    assert {route.name: purpose_of(route) for route in ours} == PURPOSES


def test_no_view_of_the_admin_is_open() -> None:
    found = {route.name: purpose_of(route) for route in routes() if route.name.startswith("admin:")}
    assert len(found) > 10
    assert set(found.values()) == {"MEMBER"}, found


def test_every_route_has_a_path_that_leads_to_it() -> None:
    wrong = [route.name for route in routes() if resolve(route.path).func is not route.view]
    assert wrong == ["admin:app_list"]  # its sample names no app: the last route answers it


def new_view(request: HttpRequest) -> HttpResponse:
    return HttpResponse("a secret of somebody's")


@pytest.fixture
def with_new_view(settings: Settings) -> None:
    """The product with one more view, whose author marked nothing."""
    settings.ROOT_URLCONF = type(
        "urls", (), {"urlpatterns": [path("new/", new_view), *product_urls]}
    )


@pytest.mark.proves("S35")
def test_a_view_that_nobody_marked_is_closed(with_new_view: None) -> None:
    assert purposes.purpose_of(new_view) is Purpose.MEMBER
    assert Client().get("/new/").status_code == 401
    answer: Any = Client(headers={"accept": "text/html"}).get("/new/")
    assert (answer.status_code, answer["Location"]) == (302, "/login/?next=%2Fnew%2F")
