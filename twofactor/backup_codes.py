"""Backup codes: made ten at a time, shown once, each good for one sign-in.

All ten lie under one salt, so that a try costs one password hash however many are left. The hash
is sealed under a server key: a copy of the database alone can't be searched, and the key can be
rotated without knowing a code.
"""

import hmac
import secrets
from datetime import datetime

from argon2.low_level import Type, hash_secret_raw
from django.views.decorators.debug import sensitive_variables

from accounts import audit, mail, sealing
from accounts.audit import Event
from accounts.models import User
from twofactor import typed
from twofactor.models import BackupCode, BackupCodeSet

# Without 0O 1IL 2Z 5S 6G 8B UV, which people take for one another: 18 of 22 symbols are 80 bits.
SYMBOLS = "ACDEFGHJKMNPQRTWXY3479"
LENGTH = 18
GROUP = 6
HOW_MANY = 10
FEW = 3
SALT_BYTES = 16
# OWASP's parameters for Argon2id; about 20 ms. Tests spend less.
TIME_COST, MEMORY_KIB = 2, 19 * 1024


def new_code() -> str:
    return "".join(secrets.choice(SYMBOLS) for _ in range(LENGTH))


def shown(code: str) -> str:
    """Return ``code`` as it is shown: in groups with dashes."""
    groups = (code[at : at + GROUP] for at in range(0, LENGTH, GROUP))
    return "-".join(groups)


def slow_hash(code: str, salt: bytes) -> bytes:
    """Return one password hash of ``code``."""
    return hash_secret_raw(
        code.encode(),
        salt,
        time_cost=TIME_COST,
        memory_cost=MEMORY_KIB,
        parallelism=1,
        hash_len=32,
        type=Type.ID,
    )


@sensitive_variables()
def replace_codes(user: User, *, now: datetime) -> list[str]:
    """Make ten new codes for ``user``, void the old ones, and return them to be shown once.

    The caller holds the lock of the person's row and has checked that this person may.
    """
    BackupCodeSet.objects.filter(user=user).delete()
    made = BackupCodeSet(user=user, salt=secrets.token_bytes(SALT_BYTES), created_at=now)
    made.save()
    codes = [new_code() for _ in range(HOW_MANY)]
    BackupCode.objects.bulk_create(
        BackupCode(code_set=made, sealed_hash=_sealed(code, made)) for code in codes
    )
    audit.record(Event.BACKUP_CODES_MADE, actor=user, subject=user, now=now)
    return [shown(code) for code in codes]


def _sealed(code: str, code_set: BackupCodeSet) -> bytes:
    hashed = slow_hash(code, bytes(code_set.salt))
    return sealing.seal(hashed, bound_to=code_set.bound_to())


def normalised(given: str) -> str:
    """Return what was typed in a code's one spelling.

    :raises typed.InvalidForm: before any hash is spent.
    """
    return typed.backup_code(given, symbols=SYMBOLS, length=LENGTH)


def matching(user: User, code: str) -> BackupCode | None:
    """Return the code of ``user`` that ``code`` is, used or not; one hash whatever comes of it."""
    code_set = BackupCodeSet.objects.filter(user=user).first()
    if code_set is None:
        slow_hash(code, bytes(SALT_BYTES))
        return None
    hashed = slow_hash(code, bytes(code_set.salt))
    found = None
    for candidate in code_set.codes.all():
        known = sealing.unseal(candidate.sealed_hash, bound_to=code_set.bound_to())
        if hmac.compare_digest(known, hashed):
            found = candidate
    return found


def codes_left(user: User) -> int:
    return BackupCode.objects.filter(code_set__user=user, used_at=None).count()


def spend(user: User, code: BackupCode, *, now: datetime) -> int:
    """Mark ``code`` used, tell its person, and return how many are left."""
    code.used_at = now
    code.save(update_fields=["used_at"])
    left = codes_left(user)
    mail.owe(
        "code_used",
        to=user,
        occasion=str(code.pk),
        context={"left": left, "few": left <= FEW, "at": now.isoformat()},
        now=now,
    )
    audit.record(Event.BACKUP_CODE_USED, actor=user, subject=user, after={"left": left}, now=now)
    return left


def mark_saved(user: User, *, now: datetime) -> None:
    """The person ticked that the codes are saved; the first tick counts."""
    BackupCodeSet.objects.filter(user=user, saved_at=None).update(saved_at=now)


def are_unsaved(user: User) -> bool:
    return BackupCodeSet.objects.filter(user=user, saved_at=None).exists()
