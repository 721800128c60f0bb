"""The rights of a role that runs the application and owns none of its tables.

Called by the command ``app_role``, after each migration, as the owner. With PostgreSQL's default
of one role for all, the audit is held append-only by triggers, which that role could take away;
a role of its own has no such right to begin with.
"""

from django.db import connection, transaction

from accounts.append_only import TABLES

GRANTS = (
    "GRANT USAGE ON SCHEMA {schema} TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}",
    "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {role}",
    "REVOKE ALL ON {tables} FROM {role}",
    "GRANT SELECT, INSERT ON {tables} TO {role}",
    "GRANT EXECUTE ON FUNCTION accounts_audit_forget(bigint) TO {role}",
)


class NotGrantable(ValueError):
    """The role can't be held to fewer rights."""


@transaction.atomic
def grant(role: str) -> None:
    """Give ``role`` what the application needs, and no right to change the audit.

    :raises NotGrantable: on another database; for a role that is not there, or is above all rights.
    """
    if connection.vendor != "postgresql":
        raise NotGrantable("Only PostgreSQL has roles.")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolsuper, rolname = (SELECT tableowner FROM pg_tables WHERE tablename = %s "
            "AND schemaname = current_schema()) FROM pg_roles WHERE rolname = %s",
            [TABLES[0], role],
        )
        found = cursor.fetchone()
        if found is None:
            raise NotGrantable(f"There is no role {role}.")
        if any(found):
            raise NotGrantable(f"{role} owns the tables, or is a superuser: no right binds it.")
        cursor.execute("SELECT current_schema()")
        names = {
            "schema": connection.ops.quote_name(cursor.fetchone()[0]),
            "role": connection.ops.quote_name(role),
            "tables": ", ".join(TABLES),
        }
        for statement in GRANTS:
            cursor.execute(statement.format(**names))
