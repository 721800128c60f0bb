"""The same events, done to the product: through its use-cases, sign-in and gate."""

from dataclasses import replace
from datetime import datetime

from django.http import HttpRequest, HttpResponse

from accounts import memberships, people, providers, session_state, sessions, signin, sso
from accounts.claims import Claims
from accounts.models import Account, Identity, Membership, Provider, SSOAttempt, User
from accounts.session_state import FactorKind
from accounts.signin import Pending, PendingStep, Vouched
from bench import people as bench_people
from bench.people import request_with_session
from enforcement import entrance, logouts, passes, policies
from enforcement.decision import Step
from enforcement.middleware import GateMiddleware
from tests.rulebook import Answer, Leads
from twofactor import challenge, enrolment
from twofactor.models import TOTPDevice

IN = {
    Step.PROCEED: Answer.IN,
    Step.ENROL_SOON: Answer.IN_UNTIL_DEADLINE,
    Step.ON_PASS: Answer.IN_ON_PASS,
}
SUBJECT = "the person"  # to every provider
DOMAIN, NO_HASH = "bench.example", "a password that nothing fits"
OUT = {
    "signed_out_pass_ended": Answer.PASS_ENDED,
    "code_required": Answer.CODE_NEEDED,
    "signed_out_deadline": Answer.DEADLINE,
}


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


class ProductWorld:
    """One person of the product's, with accounts and browsers by the rulebook's numbers."""

    def __init__(self, *, accounts: int, is_staff: bool, now: datetime) -> None:
        self.person = bench_people.make_person(is_staff=is_staff, joined_at=now)
        self.accounts: list[Account] = [bench_people.make_account(now=now) for _ in range(accounts)]
        User.objects.filter(pk=self.person.pk).update(password=NO_HASH)
        self.providers: dict[int, Provider] = {}
        self.keys: dict[int, str] = {}
        self.pending: dict[int, Pending] = {}
        self.gate = GateMiddleware(page)

    def fresh(self) -> User:
        self.person = User.objects.get(pk=self.person.pk)
        return self.person

    # The gate, and sign-in

    def answer(self, number: int) -> Answer:
        """Send the request of a browser through the middleware; a closed view lies behind it."""
        request = request_with_session(self.keys[number])
        self.gate.process_request(request)
        refused = self.gate.process_view(request, page, (), {})
        if request.user.is_authenticated == (refused is not None):
            raise AssertionError("The view would see somebody whom the gate refused.")
        if refused is None:
            return IN[request.obligation.step]  # type: ignore[attr-defined]
        code = next(code for code in (*OUT, '"') if code.encode() in refused.content)
        return OUT.get(code, Answer.SIGNED_OUT)

    def give_password(self, number: int, *, now: datetime) -> Leads:
        return self.begin(number, through=None, now=now)

    def begin(self, number: int, *, through: int | None, now: datetime) -> Leads:
        """Begin a sign-in by password, or through a provider; return where it leads."""
        person, method = self.fresh(), "password" if through is None else sso.METHOD
        pending = signin.prepare(person, next_url="/", method=method, now=now)
        if through is not None:
            provider = self.providers[through].pk
            vouched = Vouched(provider=provider, subject=SUBJECT)
            pending = replace(pending, vouched=vouched, sso=(provider,))
        self.pending[number] = entrance.settle_first(pending, now=now)
        return self.leads(number, now=now)

    def leads(self, number: int, *, now: datetime) -> Leads:
        request = request_with_session()
        step = entrance.next_step(request, self.pending[number], now=now)
        self.pending[number] = getattr(request, "pending", None) or self.pending[number]
        if step is None:
            return Leads.IN
        return Leads.CODE if step is PendingStep.CHALLENGE else Leads.SET_UP

    def is_over(self, number: int, *, now: datetime) -> bool:
        """Whether a sign-in begun earlier has to start over."""
        request = request_with_session()
        entrance.next_step(request, self.pending[number], now=now)
        return not entrance.has_person(request)

    def finish(self, number: int, *, verified: bool, now: datetime) -> None:
        pending = self.pending.pop(number)
        request = request_with_session()
        factor = FactorKind.DEVICE if verified else None
        challenge.complete(request, pending, verified=verified, factor=factor, now=now)
        request.session.save()
        self.keys[number] = str(request.session.session_key)

    def finish_by_set_up(self, number: int, *, now: datetime) -> None:
        bench_people.enrol(self.fresh(), now=now)
        self.pending[number] = replace(self.pending[number], stamp=self.fresh().stamp)
        self.finish(number, verified=True, now=now)

    def pass_one_more(self, number: int, through: int, *, now: datetime) -> None:
        request = request_with_session(self.keys[number])
        self.gate.process_request(request)
        provider = self.providers[through]
        claims = Claims(subject=SUBJECT, email=self.person.email, email_verified=True)
        sso.come_in(request, provider, claims, SSOAttempt(provider=provider, next="/"), now=now)
        request.session.save()
        self.keys[number] = str(request.session.session_key)

    # What a signed-in person does

    def set_up(self, number: int, *, now: datetime) -> None:
        bench_people.enrol(self.fresh(), now=now)
        self._adopt(number, now=now)

    def new_codes(self, number: int, *, now: datetime) -> None:
        person = self.fresh()
        enrolment.new_codes(person, stamp_read=person.stamp, now=now)
        self._adopt(number, now=now)

    def _adopt(self, number: int, *, now: datetime) -> None:
        request = request_with_session(self.keys[number])
        was = request.session["stamp"]
        session_state.adopt(request, user=self.fresh(), was=was, verified=True, now=now)
        request.session.save()
        self.keys[number] = str(request.session.session_key)

    # What others do

    def switch_on(self, account: int, *, now: datetime) -> None:
        policies.switch_on(account=self.accounts[account], actor=None, now=now)

    def switch_off(self, account: int, *, now: datetime) -> None:
        policies.switch_off(account=self.accounts[account], actor=None, now=now)

    def enter_provider(self, number: int, account: int, *, now: datetime) -> None:
        """Store a provider that knows the person."""
        holder = self.accounts[account]
        holder.email_domains = [DOMAIN]
        holder.save(update_fields=["email_domains"])
        provider = Provider.objects.create(
            account=holder, slug=f"{holder.slug}-{number}", name="Login", created_at=now,
            issuer=f"https://{number}.example",
        )  # fmt: skip
        Identity.objects.create(
            provider=provider, user=self.person, subject=SUBJECT, created_at=now, last_at=now
        )
        self.providers[number] = provider

    def end_provider(self, number: int, *, is_cut_off: bool, now: datetime) -> None:
        end = providers.cut_off if is_cut_off else providers.switch_off
        support = bench_people.make_person(is_staff=True, joined_at=now)
        end(provider=self.providers[number], actor=support, reason="asked", now=now)

    def join(self, account: int, *, now: datetime) -> None:
        bench_people.join(self.person, self.accounts[account], now=now)

    def leave(self, account: int, *, now: datetime) -> None:
        membership = Membership.objects.get(user=self.person, account=self.accounts[account])
        memberships.remove(membership=membership, actor=self.person, now=now)

    def grant(self, *, now: datetime) -> bool:
        try:
            passes.grant_pass(user=self.person, actor=None, reason="lost", now=now)
        except passes.NotGrantable:
            return False
        return True

    def revoke(self, *, now: datetime) -> None:
        passes.revoke_pass(user=self.person, actor=None, now=now)

    def settle(self, *, now: datetime) -> None:
        passes.settle_pass(user=self.person, now=now)

    def sweep(self, *, now: datetime) -> None:
        logouts.end_overdue_sessions(now=now)
        logouts.settle_passes(now=now)

    def reset(self, *, now: datetime) -> None:
        enrolment.reset(self.person, actor=None, reason="asked", now=now)

    def delete_device(self, *, now: datetime) -> None:
        """Past every use-case: as a script or a shell would."""
        TOTPDevice.objects.filter(user=self.person).delete()

    def end_everything(self, *, now: datetime) -> None:
        sessions.end_everything(self.fresh())

    def deactivate(self, *, now: datetime) -> None:
        people.deactivate(user=self.fresh(), actor=None, now=now)

    def reactivate(self, *, now: datetime) -> None:
        people.reactivate(user=self.fresh(), actor=None, now=now)
