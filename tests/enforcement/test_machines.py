"""What no person does is bound by no requirement: probes, figures, reports of texts, jobs."""

from typing import Any

import pytest
from django.test import Client
from twilio.request_validator import RequestValidator

from accounts import delivery
from accounts.models import Account, Notice, User
from enforcement import policies, tasks
from tests.journeys.clock import DAY, Clock

pytestmark = [pytest.mark.django_db, pytest.mark.proves("B27")]


def test_long_after_a_deadline_machines_work_as_before(
    northwind: Account, owner: User, ada: User, clock: Clock, settings: Any
) -> None:
    policies.switch_on(account=northwind, actor=owner, now=clock.now)
    clock.set(clock.now + 2 * DAY)
    settings.TWILIO_AUTH_TOKEN = "token"
    for path in ("/health/live", "/health/ready", "/metrics"):
        assert Client().get(path).status_code == 200, path
    url, fields = "http://testserver/webhooks/twilio/status/", {"MessageStatus": "delivered"}
    signature = RequestValidator("token").compute_signature(url, fields)
    answer = Client().post(
        "/webhooks/twilio/status/", fields, headers={"X-Twilio-Signature": signature}
    )
    assert answer.status_code == 204
    tasks.carry_out(now=clock.now)
    while delivery.send_due(now=clock.now):
        continue
    assert Notice.objects.filter(kind="owner_result", state=Notice.State.SENT).count() == 1
