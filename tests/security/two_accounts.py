"""Two accounts that know nothing of each other but a member: everything of each bears its word."""

from dataclasses import dataclass

from accounts import audit, invitations, mail, memberships
from accounts.audit import Event
from accounts.models import Account, AuditEvent, Membership, Notice, Provider, Role, User
from enforcement import notices, passes, policies
from enforcement.models import PassRequest
from tests.enforcement.kit import enrolled_person
from tests.factories import make_account, make_identity, make_provider, make_user
from tests.journeys.clock import Clock
from tests.twofactor.people import Enrolled, enrol_app

STAFF_WORD = "quokka"  # what owners never read: who of support was at work


@dataclass(frozen=True, kw_only=True)
class Tenant:
    word: str
    account: Account
    owner: User
    admin: User
    member: User  # on a pass
    locked_out: User  # asks for one; an admin vouches
    former: User  # has left, and has an address elsewhere since

    def numbers(self) -> dict[str, set[int]]:
        """Return the numbers of the rows of each model that are this account's."""
        own = {"account": self.account}
        mails = Notice.objects.filter(account_id=self.account.pk)
        audited = AuditEvent.objects.filter(account_id=self.account.pk)
        return {
            "account": {self.account.pk},
            "user": set(Membership.objects.filter(**own).values_list("user_id", flat=True)),
            "notice": set(mails.values_list("pk", flat=True)),
            "provider": set(Provider.objects.filter(**own).values_list("pk", flat=True)),
            "auditevent": set(audited.values_list("pk", flat=True)),
        }


@dataclass(frozen=True, kw_only=True)
class World:
    alpha: Tenant
    beta: Tenant
    shared: Enrolled  # a member of both
    support: Enrolled
    root: Enrolled
    clock: Clock


def make_world(clock: Clock) -> World:
    root = enrolled_person(email=f"root@{STAFF_WORD}.example", is_superuser=True, is_staff=True)
    support = enrolled_person(
        email=f"sam@{STAFF_WORD}.example", name=f"Sam {STAFF_WORD}", is_staff=True
    )
    clock.forward(hours=1)
    alpha, beta = (tenant(word, support=support.user, clock=clock) for word in WORDS)
    shared = enrolled_person(email="shared@elsewhere.example", name="Shared")
    for each in (alpha, beta):
        Membership.objects.create(account=each.account, user=shared.user)
    passes.ask_for_pass(user=shared.user, message="My phone is gone.", now=clock.now)
    asked = PassRequest.objects.get(user=shared.user)
    passes.endorse_request(
        asked=asked,
        account=beta.account,
        actor=beta.admin,
        message=f"Known at {beta.word}.",
        now=clock.now,
    )
    clock.forward(minutes=1)
    return World(alpha=alpha, beta=beta, shared=shared, support=support, root=root, clock=clock)


WORDS = ("alphaville", "zyzzyva")


def tenant(word: str, *, support: User, clock: Clock) -> Tenant:
    """An account in the middle of its window, with a row of every kind that its owner may read."""
    owner = make_user(f"owner@{word}.example", name=f"Owner {word}")
    admin = make_user(f"admin@{word}.example", name=f"Admin {word}")
    member, locked_out = (
        enrolled_person(email=f"{name}@{word}.example", name=f"{name} {word}").user
        for name in ("member", "locked")
    )
    former = make_user(f"former@{word}.example", name=f"Former {word}")
    account = make_account(
        word, owner=owner, members=(member, locked_out, former), email_domains=[f"{word}.example"]
    )
    Membership.objects.create(account=account, user=admin, role=Role.ADMIN)
    found = Tenant(
        word=word, account=account, owner=owner, admin=admin, member=member,
        locked_out=locked_out, former=former,
    )  # fmt: skip
    fill(found, support=support, clock=clock)
    return found


def fill(of: Tenant, *, support: User, clock: Clock) -> None:
    """Let happen what leaves rows: periods, passes, invitations, mails, and what support did."""
    policies.switch_on(account=of.account, actor=of.owner, now=clock.now)
    clock.forward(minutes=1)
    policies.switch_off(account=of.account, actor=support, reason=f"of {of.word}", now=clock.now)
    clock.forward(minutes=1)
    policies.switch_on(account=of.account, actor=support, reason=f"of {of.word}", now=clock.now)
    provider = make_provider(of.account, name=f"Login {of.word}", now=clock.now)
    make_identity(provider, of.admin, now=clock.now)
    leave(of, clock=clock)
    ask_and_grant(of, support=support, clock=clock)
    invite(of, f"new@{of.word}.example", clock=clock)
    audit.record(
        Event.ACCOUNT_CHANGED, actor=support, subject=of.member, account=of.account,
        before={"name": "old"}, after={"name": of.word}, now=clock.now,
    )  # fmt: skip
    notices.announce(now=clock.now)
    for kind in ("mail_trouble", "password_changed"):
        mail.owe(kind, to=of.member, occasion=of.word, account=of.account, now=clock.now)
    fail_mail(of, of.member)


def leave(of: Tenant, *, clock: Clock) -> None:
    """Somebody leaves, who then lives at another address of the same word."""
    membership = Membership.objects.get(account=of.account, user=of.former)
    memberships.remove(membership=membership, actor=of.owner, now=clock.now)
    moved = f"gone@secret-{of.word}.example"
    User.objects.filter(pk=of.former.pk).update(email=moved, name=f"Gone {of.word}")


def ask_and_grant(of: Tenant, *, support: User, clock: Clock) -> None:
    passes.ask_for_pass(user=of.locked_out, message=f"I am of {of.word}.", now=clock.now)
    passes.endorse_request(
        asked=PassRequest.objects.get(user=of.locked_out, closed_at=None),
        account=of.account, actor=of.admin, message=f"{of.word} knows.", now=clock.now,
    )  # fmt: skip
    passes.grant_pass(user=of.member, actor=support, reason=f"{of.word} rang", now=clock.now)


def invite(of: Tenant, email: str, *, clock: Clock) -> None:
    invitations.invite(
        account=of.account, email=email, role=Role.MEMBER, actor=of.owner, now=clock.now
    )


def fail_mail(of: Tenant, person: User) -> None:
    Notice.objects.filter(account_id=of.account.pk, user=person).update(
        state=Notice.State.FAILED, error="SMTPRecipientsRefused 550"
    )


def grow(of: Tenant, *, support: User, clock: Clock) -> None:
    """Put more rows of every kind into one account; the clock stands where it stood."""
    people = [make_user(f"more{number}@{of.word}.example") for number in range(3)]
    for person in people:
        make_identity(of.account.providers.get(), person, now=clock.now)
        Membership.objects.create(account=of.account, user=person)
        invite(of, f"x{person.pk}@{of.word}.example", clock=clock)
        enrol_app(person, now=clock.now)
    passes.ask_for_pass(user=people[0], message="More.", now=clock.now)
    passes.grant_pass(user=people[1], actor=support, reason="More.", now=clock.now)
    mail.owe("mail_trouble", to=people[2], occasion="more", account=of.account, now=clock.now)
    fail_mail(of, people[2])
    policies.switch_off(account=of.account, actor=support, reason="More.", now=clock.now)
    make_account(f"{of.word}-more", owner=of.owner)
