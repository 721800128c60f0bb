"""The audit's functions and triggers as they are by now, also where an older form was installed.

The first form of retention's function takes a superuser to be restored from a backup.
"""

from typing import Any

from django.db import migrations

from accounts import append_only


def install(apps: Any, schema_editor: Any) -> None:
    append_only.install(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0012_more_reasons_of_ends")]

    operations = [migrations.RunPython(install, migrations.RunPython.noop)]
