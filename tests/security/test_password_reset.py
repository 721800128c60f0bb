"""A mailed link to choose a password: once, for who is meant, and signing nobody in."""

import pytest
from django.test import Client

from accounts import passwords
from accounts.models import User
from tests.factories import make_user
from tests.journeys.clock import Clock

pytestmark = pytest.mark.django_db


@pytest.mark.proves("S43")
def test_of_two_requests_with_one_link_the_second_changes_nothing(clock: Clock) -> None:
    """Both had read the link as good; the lock lets one of them use it."""
    ada = make_user("ada@northwind.example")
    first, second = User.objects.get(pk=ada.pk), User.objects.get(pk=ada.pk)
    passwords.reset_password(user=first, password="words of the first", now=clock.now)
    with pytest.raises(passwords.LinkUsed):
        passwords.reset_password(user=second, password="words of the second", now=clock.now)
    ada.refresh_from_db()
    assert ada.check_password("words of the first")


@pytest.mark.proves("S43")
def test_the_slower_request_is_told_that_the_link_no_longer_works(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plain page, no error."""
    ada = make_user("ada@northwind.example")
    client = Client()
    link = passwords.reset_link(ada).removeprefix("http://testserver")
    form = client.get(link, follow=True).redirect_chain[-1][0]
    do = passwords.reset_password

    def after_another(**how: object) -> None:
        do(user=User.objects.get(pk=ada.pk), password="words of the first", now=clock.now)
        do(**how)  # type: ignore[arg-type]

    monkeypatch.setattr(passwords, "reset_password", after_another)
    fields = {"new_password1": "words of the second", "new_password2": "words of the second"}
    answer = client.post(form, fields)

    assert answer.status_code == 200
    assert "This link no longer works" in answer.content.decode()
    ada.refresh_from_db()
    assert ada.check_password("words of the first")
