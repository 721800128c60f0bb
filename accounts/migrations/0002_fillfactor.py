"""Leave room in the pages of the table of people: ending many sessions updates many of its rows."""

from typing import Any

from django.db import migrations


def leave_room(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("ALTER TABLE accounts_user SET (fillfactor = 70)")


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [migrations.RunPython(leave_room, migrations.RunPython.noop)]
