"""A PostgreSQL cluster of our own: on a socket, in memory's speed, gone at the end."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from tests.services.processes import as_user

# Nothing here outlives the run, so nothing needs to reach the disk. Tests take their rows back:
# statistics taken meanwhile say that tables are empty, and plans for ten thousand rows are then
# made as if for none.
OPTIONS = (
    "-c listen_addresses='' -c fsync=off -c synchronous_commit=off -c full_page_writes=off "
    "-c max_connections=500 -c autovacuum=off -c unix_socket_directories={folder}"
)
# The product's owner is as plain a role as docs/operations.md has it. Tests make databases and
# roles besides, and put aside the rule that the audit only grows (tests/tampering.py).
SET_UP = (
    ("createuser", "--createdb", "--createrole", "app"),
    ("createdb", "--owner", "app", "gatehouse"),
    ("psql", "-d", "gatehouse", "-c", "GRANT SET ON PARAMETER session_replication_role TO app"),
)


def binaries() -> Path:
    """Return where initdb and pg_ctl are; Debian keeps them out of PATH."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent  # a link need not have its siblings beside it
    versions = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name)
    )
    if not versions:
        raise FileNotFoundError("PostgreSQL is not installed: apt-get install postgresql")
    return versions[-1]


@contextlib.contextmanager
def running_postgres() -> Iterator[str]:
    """Start a cluster; yields the DATABASE_URL of its one empty database."""
    # A short path of its own: socket names have a limit, and postgres must reach it as its user.
    folder = Path(tempfile.mkdtemp(prefix="gh-pg-", dir="/tmp"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        control(folder, "initdb", "-D", folder / "data", "-U", "admin", "--auth=trust", "--no-sync",
                "-E", "UTF8", "--locale=C.UTF-8")  # fmt: skip
        pg_ctl = ("pg_ctl", "-D", folder / "data", "-w")
        options = OPTIONS.format(folder=folder)
        control(folder, *pg_ctl, "-l", folder / "log", "-o", options, "start")
        try:
            for tool, *arguments in SET_UP:
                control(folder, tool, "-h", folder, "-U", "admin", *arguments)
            yield f"postgres://app@{quote(str(folder), safe='')}/gatehouse"
        finally:
            control(folder, *pg_ctl, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def control(folder: Path, tool: str, *arguments: str | Path) -> None:
    command = [*as_user("postgres"), str(binaries() / tool), *map(str, arguments)]
    # The server inherits these: a pipe would keep us waiting for its end.
    with (folder / f"{tool}.out").open("wb") as out:
        subprocess.run(
            command, check=True, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
