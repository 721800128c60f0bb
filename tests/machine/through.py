"""What people do by single sign-on, and what becomes of their accounts' providers."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from hypothesis import strategies as st
from hypothesis.stateful import rule

from accounts import providers, sso
from accounts.claims import Claims
from accounts.models import Account, Identity, Membership, Provider, SSOAttempt
from bench.people import request_with_session
from enforcement.middleware import GateMiddleware
from tests.factories import make_provider
from tests.journeys.driver import LOGIN
from tests.machine.cast import Someone, known_to
from tests.machine.stage import PAUSES, WHERE, WHICH, WHO, Stage

ENDS = {"provider_off": providers.switch_off, "provider_cut_off": providers.cut_off}
ACTS = ("require", "free", "enter", *ENDS)


def nothing(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


class Through(Stage):
    @rule(after=PAUSES, who=WHO, which=WHICH, where=WHERE)
    def come_through(self, after: str, who: int, which: int, where: int) -> None:
        """Come in through an account's provider; whoever is in passes it as well."""
        self.pause(after)
        person, provider = self.someone(who), self.provider_of(self.account(where))
        if provider is not None and self._is_let_through(person, provider):
            self.pass_provider(person, which, provider)

    def provider_of(self, account: Account) -> Provider | None:
        return Provider.objects.live().filter(account=account).select_related("account").first()

    def _is_let_through(self, person: Someone, provider: Provider) -> bool:
        known = Identity.objects.filter(provider=provider, user=person.pk)
        return known.exists() and person.membership(provider.account) is not None

    def pass_provider(self, person: Someone, which: int, provider: Provider) -> None:
        """Go on from an answer of the provider's that was verified, as its view does."""
        is_in, browser = person.is_in(which), person.browsers[which]
        if not is_in:
            person.forget(which)
        cookie = browser.client.cookies.get(settings.SESSION_COOKIE_NAME)
        request = request_with_session(cookie.value if cookie else None)
        GateMiddleware(nothing).process_request(request)
        email, attempt = person.user.email, SSOAttempt(provider=provider, next="/")
        claims = Claims(subject=f"{person.pk}", email=email, email_verified=True)
        answer = sso.come_in(request, provider, claims, attempt, now=self.clock.now)
        request.session.save()
        browser.client.cookies[settings.SESSION_COOKIE_NAME] = str(request.session.session_key)
        browser.open(answer["Location"])
        person.passed[which].add(provider.pk)
        assert browser.page.path != LOGIN, "a provider's answer led to the password"
        self.happened["passed one more" if is_in else "came through a provider"] += 1

    @rule(after=PAUSES, where=WHERE, act=st.sampled_from(ACTS))
    def look_after_provider(self, after: str, where: int, act: str) -> None:
        self.pause(after)
        account = self.account(where)
        provider = self.provider_of(account)
        if provider is None:
            if act == "enter":
                known_to(make_provider(account, now=self.clock.now), now=self.clock.now)
        elif act in ENDS:
            end = ENDS[act]
            end(provider=provider, actor=self.cast.support, reason="Asked", now=self.clock.now)
            self.act(act)
        elif act != "enter":
            Provider.objects.filter(pk=provider.pk).update(is_required=act == "require")

    @rule(after=PAUSES, who=WHO, which=WHICH, where=WHERE)
    def look_at_account(self, after: str, who: int, which: int, where: int) -> None:
        """The account's page opens to members; where its provider is required, by that alone."""
        self.pause(after)
        person, account = self.someone(who), self.account(where)
        if not person.is_in(which):
            return
        status = person.browsers[which].first_answer(f"/accounts/{account.slug}/").status_code
        expected = self._page_of(account, person, which)
        assert status == expected, f"{person.email} is answered {status}, not {expected}"
        self.happened[f"an account's page: {status}"] += 1

    def _page_of(self, account: Account, person: Someone, which: int) -> int:
        member = Membership.objects.filter(account=account, user=person.pk).first()
        provider = self.provider_of(account)
        if member is None:
            return 404
        if provider is None or not provider.is_required or member.role == "owner":
            return 200
        return 200 if provider.pk in person.passed[which] else 403
