"""The command that proves the audit whole, alone and with heads that were kept elsewhere."""

import resource
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from accounts import audit, heads, seals
from accounts.audit import Event
from accounts.models import AuditEvent, AuditHead, AuditSeal, User
from tests.enforcement.kit import DAY
from tests.enforcement.shell import refused, run
from tests.tampering import as_administrator

pytestmark = pytest.mark.django_db


def three_rows(person: User, now: datetime) -> str:
    """Write three sealed rows; return the head of their chain."""
    for _ in range(3):
        audit.record(Event.SIGNED_IN, subject=person, now=now)
    seals.seal_all()
    tail = AuditSeal.objects.get(number=3)
    return f"3:{tail.hash}"


def test_verify_audit_names_the_first_bad_row(ada: User, now: datetime) -> None:
    head = three_rows(ada, now)
    assert run("verify_audit") == f"The audit is whole: 3 rows; head {head}"
    second = AuditSeal.objects.get(number=2).row
    with as_administrator():
        AuditEvent.objects.filter(number=second).update(event="signed_out")
    broken = f"The audit is broken at row {second}: the row was changed."
    assert refused("verify_audit") == broken


def test_verify_audit_misses_what_a_kept_head_names(
    ada: User, now: datetime, tmp_path: Path, settings: Any
) -> None:
    head = three_rows(ada, now)
    settings.AUDIT_HEAD_FILE = file = tmp_path / "heads"
    heads.export(now=now)
    heads.export(now=now)  # nothing new, so no line
    assert file.read_text() == f"{now:%Y-%m-%dT%H:%M:%SZ} {head}\n"
    for option in (["--head", head], ["--head", head[:14]], ["--head-file", str(file)]):
        assert run("verify_audit", *option).endswith(head)
    with as_administrator():
        last = AuditSeal.objects.get(number=3)
        AuditEvent.objects.filter(number=last.row).delete()
        last.delete()
        AuditHead.objects.all().delete()
    assert run("verify_audit").startswith("The audit is whole: 2 rows; head 2:")
    for option in (["--head", head], ["--head", head[:14]], ["--head-file", str(file)]):
        assert "a head was kept at 3" in refused("verify_audit", *option)
    three_rows(ada, now)
    assert "was another" in refused("verify_audit", "--head", head)


def test_a_disk_that_is_full_leaves_no_part_of_a_head(
    ada: User, now: datetime, tmp_path: Path, settings: Any
) -> None:
    settings.AUDIT_HEAD_FILE = file = tmp_path / "heads"
    three_rows(ada, now)
    heads.export(now=now)
    kept = file.read_text()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(kept) + 40, hard))
    try:
        audit.record(Event.SIGNED_IN, subject=ada, now=now)
        heads.export(now=now)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert file.read_text() == kept
    audit.record(Event.SIGNED_IN, subject=ada, now=now)
    heads.export(now=now)
    assert len(file.read_text().splitlines()) == 2
    assert run("verify_audit", "--head-file", str(file)).startswith("The audit is whole: 5 rows")


def test_a_chain_cut_below_what_was_exported_is_an_alarm(
    ada: User, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    head = three_rows(ada, now)
    assert not heads.is_lost()
    heads.export(now=now)
    with as_administrator():
        AuditSeal.objects.filter(number=3).delete()
        AuditEvent.objects.order_by("-number")[:1].get().delete()
    assert heads.is_lost()
    assert "a head was kept at 3" in refused("verify_audit")
    three_rows(ada, now)
    caplog.clear()
    heads.export(now=now)
    assert [each.levelname for each in caplog.records] == ["CRITICAL"]
    assert str(AuditHead.objects.get()) == head  # what was lost stays known


NONSENSE = ("x", "3", "3:", "3:xyz", "3:abcdef", ":" + "a" * 64, "-1:" + "a" * 64)


@pytest.mark.parametrize("head", NONSENSE)
def test_verify_audit_takes_no_nonsense_for_a_head(head: str, ada: User, now: datetime) -> None:
    three_rows(ada, now)
    assert "No head" in refused("verify_audit", f"--head={head}")


def test_verify_audit_says_so_where_a_head_is_older_than_the_chain(ada: User) -> None:
    now = timezone.now()
    audit.record(Event.SIGNED_IN, now=now - 9 * DAY)
    audit.record(Event.SIGNED_IN, now=now)
    seals.seal_all()
    first = AuditSeal.objects.get(number=1)
    assert audit.remove_older(than=now - 5 * DAY, now=now) == 1
    assert "retention removed" in refused("verify_audit", "--head", f"1:{first.hash}")
