"""What the row of each act says: who to whom, in an account or not, and what was before and after.

Written down as it must be, not as it is read. Who is none of the world's people is "another";
nobody is "-". Of before and after, the names of what is told stand here.
"""

from collections.abc import Mapping
from typing import Any

from accounts.audit import Event
from accounts.models import AuditEvent
from tests.security.acts_world import World

Says = tuple[str, str, str]

SAYS: dict[Event, Says] = {
    Event.SIGNED_IN: ("ada > ada", "", "factor method verified"),
    Event.SIGNED_OUT: ("ada > ada", "", ""),
    Event.SIGN_IN_FAILED: ("- > ada", "", ""),
    Event.SESSION_ENDED: ("ada > ada", "", ""),
    Event.SESSIONS_ENDED: ("ada > ada", "", ""),
    Event.REAUTHENTICATED: ("ada > ada", "", "factor"),
    Event.PASSWORD_CHANGED: ("ada > ada", "", ""),
    Event.PASSWORD_RESET_ASKED: ("- > ada", "", "person"),
    Event.PASSWORD_RESET: ("ada > ada", "", ""),
    Event.EMAIL_CHANGE_ASKED: ("ada > ada", "", "to"),
    Event.EMAIL_CHANGED: ("ada > ada", "address", "address"),
    Event.PROFILE_CHANGED: ("ada > ada", "", "changed"),
    Event.PERSON_ADDED: ("another > another", "", ""),
    Event.PERSON_DELETED: ("another > another", "", ""),
    Event.PERSON_DEACTIVATED: ("sam > ada", "", ""),
    Event.PERSON_REACTIVATED: ("sam > ada", "", ""),
    Event.STAFF_CHANGED: ("root > ada", "staff superuser", "staff superuser"),
    Event.ACCOUNT_CREATED: ("- > - in another", "", "plan"),
    Event.ACCOUNT_CHANGED: ("sam > - in northwind", "name", "name"),
    Event.INVITED: ("owner > - in northwind", "", "person role"),
    Event.INVITATION_REVOKED: ("owner > - in northwind", "person", ""),
    Event.JOINED: ("owner > another in northwind", "", "role"),
    Event.LEFT: ("ada > ada in northwind", "role", ""),
    Event.MEMBERSHIP_MOVED: ("ada > another in northwind", "person", "person role"),
    Event.MEMBER_REMOVED: ("owner > ada in northwind", "role", ""),
    Event.ROLE_CHANGED: ("owner > ada in northwind", "role", "role"),
    Event.CODE_ACCEPTED: ("eve > eve", "", "kind"),
    Event.CODE_REJECTED: ("- > eve", "", "kind reason"),
    Event.CODE_REUSED: ("- > eve", "", "kind reason"),
    Event.CODES_THROTTLED: ("- > eve", "", "kind"),
    Event.TEXT_SENT: ("- > another", "", "purpose"),
    Event.TEXT_REFUSED: ("- > another", "", "reason whose"),
    Event.SETUP_LINK_MADE: ("- > ada", "", ""),
    Event.MAILBOX_PROVED: ("ada > ada", "", ""),
    Event.DEVICE_CONFIRMED: ("ada > ada", "", "method replaced"),
    Event.DEVICE_REMOVED: ("eve > eve", "method", ""),
    Event.BACKUP_CODES_MADE: ("eve > eve", "", ""),
    Event.BACKUP_CODES_REMOVED: ("- > eve", "", "by mail"),
    Event.BACKUP_CODE_USED: ("eve > eve", "", "left"),
    Event.TWO_FACTOR_RESET: ("sam > eve", "", "reason"),
    Event.POLICY_ON: ("owner > - in northwind", "required", "deadline reason required"),
    Event.POLICY_OFF: ("owner > - in northwind", "deadline required", "reason required"),
    Event.DEADLINE_PASSED: ("- > ada in northwind", "", ""),
    Event.PASS_ASKED: ("eve > eve", "", ""),
    Event.PASS_GRANTED: ("sam > eve", "", "reason ticket until"),
    Event.PASS_REVOKED: ("sam > eve", "", ""),
    Event.PASS_ENDED: ("- > eve", "until", ""),
    Event.PASS_REFUSED: ("another > root", "", "tried why"),
    Event.APPROVAL_ASKED: ("sam > eve", "", "reason ticket until what"),
    Event.APPROVAL_GIVEN: ("root > eve", "", "reason ticket what"),
    Event.APPROVAL_DECLINED: ("root > eve", "", "reason what"),
    Event.NOT_ME: ("- > eve", "address", "address mail"),
    Event.SSO_REFUSED: ("- > - in northwind", "", "provider reason"),
    Event.SSO_LINKED: ("ada > ada in northwind", "", "provider"),
    Event.PROVIDER_TESTED: ("another > - in northwind", "", "provider step why would_come_in"),
    Event.SSO_UNLINKED: ("sam > ada in northwind", "identity", "provider reason"),
    Event.PASSWORD_STOPPED: ("- > eve", "", ""),
    Event.KEYS_ROTATED: ("- > -", "", "apps backup_codes phones providers"),
    Event.AUDIT_EXPORTED: ("another > -", "", "form"),
    Event.MEMBERS_EXPORTED: ("another > - in northwind", "", "form"),
    Event.MEMBERS_REMINDED: ("owner > - in northwind", "", "members"),
    Event.ADVICE_SENT: ("owner > - in northwind", "", "members"),
    Event.MAIL_SENT_AGAIN: ("owner > owner in northwind", "", "mail"),
    Event.PROVIDER_ADDED: (
        "sam > - in northwind",
        "",
        (
            "allow_creation certificates client_id email_domains is_required issuer name protocol"
            " provider reason sso_url subject_attribute"
        ),
    ),
    Event.PROVIDER_CHANGED: (
        "sam > - in northwind",
        "email_domains name",
        "email_domains name provider reason",
    ),
    Event.PROVIDER_SECRET_ROTATED: ("sam > - in northwind", "", "provider reason"),
    Event.PROVIDER_OFF: (
        "sam > - in northwind",
        "cut_off_at off_at",
        "cut_off_at off_at provider reason",
    ),
    Event.PROVIDER_CUT_OFF: (
        "sam > - in northwind",
        "cut_off_at off_at",
        "cut_off_at off_at provider reason",
    ),
}


def said_by(row: AuditEvent, world: World) -> Says:
    """Return what ``row`` says, as ``SAYS`` has it."""
    people = {each.pk: name for name, each in named(world).items()}
    actor, subject = (
        "-" if pk is None else people.get(pk, "another") for pk in (row.actor_id, row.subject_id)
    )
    accounts = {None: "", world.account.pk: " in northwind"}
    where = accounts.get(row.account_id, " in another")
    return f"{actor} > {subject}{where}", names_in(row.before), names_in(row.after)


def named(world: World) -> Mapping[str, Any]:
    return {
        "owner": world.owner,
        "ada": world.ada,
        "eve": world.eve.user,
        "sam": world.sam,
        "root": world.root,
    }


def names_in(told: Any) -> str:
    return " ".join(sorted(told or {}))
