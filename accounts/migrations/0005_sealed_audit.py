"""Seals in a table of their own; a chain that stands is carried over, its hashes unchanged."""

from typing import Any

from django.db import migrations, models
from django.utils import timezone

from accounts import append_only, seals


def carry_over(apps: Any, schema_editor: Any) -> None:
    """Make a seal of each row's hash, and say in a proved row where the old chain ends."""
    event, seal = apps.get_model("accounts", "AuditEvent"), apps.get_model("accounts", "AuditSeal")
    here = schema_editor.connection.alias
    last = event.objects.using(here).order_by("number").last()
    head = apps.get_model("accounts", "AuditHead").objects.using(here).filter(pk=1).first()
    if head is None or (not head.count and last is None):
        return
    schema_editor.execute(
        "INSERT INTO accounts_auditseal (number, row, previous, hash, proof) "
        "SELECT number, number, previous, hash, '' FROM accounts_auditevent"
    )
    # The head is what the old chain held itself to: where it was cut, that stays visible.
    told = {"rows": head.count, "head": head.hash, "up_to": head.removed, "hash": head.removed_hash}
    number = max(head.count, last.number if last else 0) + 1
    row = event(
        number=number,
        at=timezone.now(),
        event="audit_carried_over",
        after=told,
        previous="",
        hash="",
    )
    seals.prove(row)
    row.save(force_insert=True, using=here)
    made = seals.make_seal(row, number=number, previous=head.hash, model=seal)
    made.save(force_insert=True, using=here)


def go_on_counting(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            "SELECT setval(pg_get_serial_sequence('accounts_auditevent', 'number'), "
            "coalesce(max(number), 0) + 1, false) FROM accounts_auditevent"
        )


def forbid_changes(apps: Any, schema_editor: Any) -> None:
    append_only.install(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_throttles_and_alarms")]

    operations = [
        migrations.CreateModel(
            name="AuditSeal",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "row",
                    models.BigIntegerField(help_text="The number of the row.", unique=True),
                ),
                (
                    "previous",
                    models.CharField(help_text="A hash of the seal before.", max_length=64),
                ),
                ("hash", models.CharField(max_length=64)),
                (
                    "proof",
                    models.CharField(
                        default="",
                        help_text="Key id and HMAC; empty before there were any.",
                        max_length=80,
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="auditevent",
            name="proof",
            field=models.CharField(
                help_text="Key id, nonce and HMAC: that the product wrote the row so, and once.",
                max_length=120,
                null=True,
                unique=True,
            ),
        ),
        migrations.RunPython(carry_over),
        migrations.AlterField(
            model_name="auditevent",
            name="number",
            field=models.BigAutoField(primary_key=True, serialize=False),
        ),
        migrations.RemoveField(model_name="auditevent", name="previous"),
        migrations.RemoveField(model_name="auditevent", name="hash"),
        migrations.RemoveField(model_name="audithead", name="removed"),
        migrations.RemoveField(model_name="audithead", name="removed_hash"),
        migrations.AddField(
            model_name="audithead", name="at", field=models.DateTimeField(null=True)
        ),
        migrations.AlterField(
            model_name="audithead",
            name="count",
            field=models.BigIntegerField(default=0, help_text="The number of the last seal."),
        ),
        migrations.AlterField(
            model_name="audithead",
            name="hash",
            field=models.CharField(
                default="", help_text="The hash of the last seal.", max_length=64
            ),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["actor_id", "-number"], name="audit_of_actor"),
        ),
        migrations.RunPython(go_on_counting),
        migrations.RunPython(forbid_changes),
    ]
