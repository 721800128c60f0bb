"""The database's own rule that the audit only grows: no UPDATE, no DELETE, no TRUNCATE.

Called by a migration and by retention. Triggers refuse whoever tries, the tables' owner
included, until that owner takes them away; so the application better runs under a role that is
not the owner (``app_role``), and has no such right at all. Retention has one narrow way.
"""

from typing import Any

from django.db import connection, transaction

from accounts.models import AuditEvent, AuditSeal

TABLES = ("accounts_auditevent", "accounts_auditseal")

# Retention's way is a function that runs as the owner, with a mark that it takes back at its end.
# A setting of the function itself would do that by itself, but takes a superuser to declare.
POSTGRESQL = """
CREATE OR REPLACE FUNCTION accounts_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('gatehouse.forgetting', true) = 'on'
        AND current_user = (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = TG_RELID)
    THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'the audit is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE OR REPLACE FUNCTION accounts_audit_forget(up_to bigint) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
DECLARE
    forgotten bigint;
BEGIN
    -- A day, less what clocks may differ: whoever may call this removes nothing younger.
    IF up_to >= (SELECT max(number) FROM accounts_auditseal) OR EXISTS (
        SELECT FROM accounts_auditseal AS seal
        JOIN accounts_auditevent AS event ON event.number = seal.row
        WHERE seal.number <= up_to AND event.at > now() - interval '23 hours'
    ) THEN
        RAISE EXCEPTION 'that is no old beginning of the audit'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM set_config('gatehouse.forgetting', 'on', true);
    DELETE FROM accounts_auditevent WHERE number IN (
        SELECT row FROM accounts_auditseal WHERE number <= up_to
    );
    DELETE FROM accounts_auditseal WHERE number <= up_to;
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    PERFORM set_config('gatehouse.forgetting', '', true);
    RETURN forgotten;
END $$;
REVOKE ALL ON FUNCTION accounts_audit_forget(bigint) FROM PUBLIC;
"""
POSTGRESQL_TRIGGERS = """
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_audit_refuse();
CREATE OR REPLACE TRIGGER never_emptied BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_audit_refuse();
"""
SQLITE_TRIGGERS = {
    f"{table}_no_{action}": f"CREATE TRIGGER {table}_no_{action} BEFORE {action} ON {table} "
    "BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END"
    for table in TABLES
    for action in ("update", "delete")
}


def install(on: Any = connection) -> None:
    """Put the rule in place; again after any change of the tables' form on SQLite."""
    with on.cursor() as cursor:
        if on.vendor == "postgresql":
            cursor.execute("SELECT quote_ident(current_schema())")
            # Sent without parameters, so that several statements may stand in one text.
            cursor.execute(POSTGRESQL.replace("{schema}", cursor.fetchone()[0]))
            for table in TABLES:
                cursor.execute(POSTGRESQL_TRIGGERS.format(table=table))
        else:
            for name, statement in SQLITE_TRIGGERS.items():
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}")
                cursor.execute(statement)


def lift_on_sqlite(on: Any = connection) -> None:
    with on.cursor() as cursor:
        for name in SQLITE_TRIGGERS:
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}")


@transaction.atomic
def forget(*, up_to: int) -> int:
    """Remove the beginning of the chain up to the seal ``up_to``; return how many rows."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT accounts_audit_forget(%s)", [up_to])
            return int(cursor.fetchone()[0])
    # Nobody else sees it lifted: whoever writes on SQLite is alone.
    lift_on_sqlite()
    seals = AuditSeal.objects.filter(number__lte=up_to)
    AuditEvent.objects.filter(number__in=seals.values("row")).delete()
    count, _ = seals.delete()
    install()
    return count
