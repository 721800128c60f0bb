"""`make run`: database, demo data, web server, worker and beat, on one machine.

Called with the packages installed (deploy/prepare.py). Whatever stands in the way is
told in one line before anything is started.
"""

import fcntl
import os
import socket
import sys
import time
from pathlib import Path
from typing import IO, NoReturn

from deploy.supervise import supervise

HOST = "127.0.0.1"
# Celery warns of root since pickles could run code; ours takes JSON alone.
AS_ROOT = "You're running the worker with superuser privileges"
DEMO = (
    ("owner@northwind.example", "owner of Northwind Films"),
    ("admin@northwind.example", "admin"),
    ("ada@northwind.example", "member; also ben@ and chloe@northwind.example"),
    ("dan@personal.example", "member, and of the free account Solo"),
    ("support@gatehouse.example", "support staff"),
    ("root@gatehouse.example", "superuser"),
)


def stop(message: str) -> NoReturn:
    sys.exit(f"gatehouse: {' '.join(message.split())}")


def chosen_port() -> int:
    value = os.environ.get("PORT", "").strip() or "8000"
    if not (value.isascii() and value.isdecimal() and 0 < int(value) < 65536):
        stop("PORT must be a number from 1 to 65535.")
    return int(value)


def check_port(port: int) -> None:
    with socket.socket() as probe:
        # Connections of a server that has just ended do not count as busy.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as problem:
            stop(
                f"port {port} cannot be used ({problem.strerror}); "
                f"choose another: PORT={port + 1 if port < 65535 else 8000} make run"
            )


def lock_var(folder: Path) -> IO[str]:
    """Make the folder for our data and hold it: two runs would fight over one broker."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (folder / "run.lock").open("w")
    except OSError as problem:
        stop(f"{folder} cannot be written ({problem.strerror}).")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        stop(f"it is running already, with its data in {folder}.")
    return lock


def prepare_database() -> None:
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.db import Error, connection

    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        call_command("migrate", verbosity=0, interactive=False)
        if wants_demo() and not get_user_model().objects.exists():
            call_command("seed_demo", verbosity=0)
    except Error as problem:
        name = connection.settings_dict["NAME"]
        stop(f"the database {name} cannot be used: {problem}")
    finally:
        connection.close()


def wants_demo() -> bool:
    from django.conf import settings

    return bool(settings.LOCAL_PAGES)


def commands(port: int) -> list[list[str]]:
    python = [sys.executable, "-m"]
    web = ["gunicorn", "settings.wsgi", f"--bind={HOST}:{port}", "--workers=2", "--threads=4"]
    # gunicorn's control socket would lie in the home directory, which may be closed to us.
    web += ["--preload", "--no-control-socket", "--log-level=warning", "--graceful-timeout=5"]
    # Each task is told at INFO: that would bury what the web server has to tell.
    level = os.environ.get("LOG_LEVEL", "WARNING")
    celery = [
        "env",
        f"LOG_LEVEL={level}",
        sys.executable,
        "-W",
        f"ignore:{AS_ROOT}",
        "-m",
        "celery",
        "-q",
        "-A",
        "settings",
    ]
    worker = ["worker", "--concurrency=2", "--without-heartbeat"]
    worker += ["--without-gossip", "--without-mingle"]  # there is no other worker to talk to
    return [python + web, celery + worker, [*celery, "beat"]]


def announce(port: int) -> None:
    """Wait until the page is up, then say where it is."""
    limit = time.monotonic() + 30
    while time.monotonic() < limit:
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                break
        time.sleep(0.05)
    print(f"\nGatehouse is at http://{HOST}:{port}/  (stop with Ctrl-C)", flush=True)
    if wants_demo():
        print_demo(port)


def print_demo(port: int) -> None:
    from django.conf import settings

    print(f"Mails and texts are at http://{HOST}:{port}/outbox/\n")
    for email, role in DEMO:
        print(f"  {email:28} {role}")
    print(f"\n  password of all: {settings.DEMO_PASSWORD}\n", flush=True)


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings.local")
    port = chosen_port()
    os.environ["PORT"] = str(port)
    from django.conf import settings

    lock = lock_var(settings.VAR_DIR)
    check_port(port)
    (settings.VAR_DIR / "port").write_text(str(port))
    import django

    django.setup()
    prepare_database()
    with lock:
        return supervise(commands(port), started=lambda: announce(port))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
