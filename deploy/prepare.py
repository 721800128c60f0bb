"""Brings what a make target needs: an environment, packages, and the servers tests start.

Runs on the machine's own Python, before any package is there, so it uses the standard
library alone, and no syntax that an older Python could not read up to the message that
it is too old. Each failure is one line.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
OLDEST = (3, 11)
LOCKS = {"run": "requirements.txt", "test": "requirements-dev.txt", "lint": "requirements-dev.txt"}
PARTS = ("postgres", "redis", "browser", "idp")
PACKAGES = {
    "postgres": ["postgresql"],
    "redis": ["redis-server"],
    "browser": ["chromium", "nodejs", "npm"],
    "idp": ["nodejs", "npm", "xmlsec1"],
}


def stop(message: str) -> None:
    sys.exit("gatehouse: " + " ".join(message.split()))


def is_new_enough(python: str, *, modules: str = "sys") -> bool:
    """Whether ``python`` is, and has ``modules``."""
    test = "import sys, %s; sys.exit(sys.version_info < %r)" % (modules, OLDEST)
    return subprocess.call([python, "-c", test], stderr=subprocess.DEVNULL) == 0


def find_python() -> None:
    """Start again under another Python if this one can't make an environment, or say why not."""
    has_venv = importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")
    if sys.version_info >= OLDEST and has_venv:
        return
    for name in ("python3", "python3.13", "python3.12", "python3.11"):
        found = shutil.which(name)
        if found and is_new_enough(found, modules="venv, ensurepip"):
            os.execv(found, [found, str(Path(__file__).resolve())] + sys.argv[1:])  # noqa: S606
    if sys.version_info < OLDEST:
        stop("Python 3.11 or newer is needed; this is %d.%d." % sys.version_info[:2])
    stop("Python's venv module is missing: apt-get install python3-venv")


def make_venv() -> None:
    if PYTHON.exists() and is_new_enough(str(PYTHON)):
        return
    find_python()
    print("Making .venv ...", flush=True)
    made = run([sys.executable, "-m", "venv", "--clear", str(VENV)])
    if made.returncode:
        stop(".venv cannot be made: " + last_line(made))


def run(command: "list[str]", **more: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        check=False,
        **more,
    )


def last_line(done: "subprocess.CompletedProcess[str]") -> str:
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("ERROR", "E:", "npm error", "npm ERR"))]
    return (errors or lines or ["no reason given"])[0]


def stamp_of(*paths: Path) -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


def install(target: str) -> None:
    """Install the lock of ``target``; nothing to do while the lock stays as it was."""
    lock = ROOT / LOCKS[target]
    stamp = VENV / ("installed-" + lock.name)
    wanted = stamp_of(lock)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print("Installing %s (half a minute) ..." % lock.name, flush=True)
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    options = ["--no-input", "--root-user-action=ignore", "--require-hashes", "-r", str(lock)]
    done = run(pip + options)
    if done.returncode:
        stop("packages cannot be installed: " + last_line(done))
    # The development lock holds the other one whole.
    for name in {lock.name, "requirements.txt"}:
        (VENV / ("installed-" + name)).write_text(stamp_of(ROOT / name))


def skipped_parts() -> "set[str]":
    named = {part.strip() for part in os.environ.get("SKIP", "").split(",") if part.strip()}
    if named - set(PARTS):
        stop("SKIP takes %s." % ", ".join(PARTS))
    return named


def has_postgres() -> bool:
    return bool(shutil.which("initdb") or list(Path("/usr/lib/postgresql").glob("*/bin/initdb")))


def missing_packages(parts: "list[str]") -> "list[str]":
    found = {
        "postgresql": has_postgres(),
        "redis-server": shutil.which("redis-server"),
        "chromium": shutil.which("chromium"),
        "nodejs": shutil.which("node"),
        "npm": shutil.which("npm"),
        "xmlsec1": shutil.which("xmlsec1"),
    }
    wanted = {package for part in parts for package in PACKAGES[part]}
    return sorted(package for package in wanted if not found[package])


def bring_packages(parts: "list[str]") -> None:
    missing = missing_packages(parts)
    if not missing:
        return
    advice = "tests need: apt-get install %s (or leave parts out: SKIP=%s)" % (
        " ".join(missing),
        ",".join(part for part in parts if set(PACKAGES[part]) & set(missing)),
    )
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        stop(advice)
    print("Installing %s ..." % " ".join(missing), flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update"], env=environment)
    command = ["apt-get", "install", "-y", "--no-install-recommends"] + missing
    done = run(command, env=environment)
    if done.returncode:
        stop(last_line(done) + "; " + advice)


def bring_node_packages() -> None:
    lock = ROOT / "tests" / "package-lock.json"
    stamp = ROOT / "tests" / "node_modules" / ".installed"
    if stamp.exists() and stamp.read_text() == stamp_of(lock):
        return
    # A cache of our own: the home directory may be missing or closed.
    cache = "--cache=" + str(ROOT / "var" / "npm")
    done = run(["npm", "ci", "--ignore-scripts", "--no-audit", cache], cwd=str(lock.parent))
    if done.returncode:
        stop("Node packages cannot be installed: " + last_line(done))
    stamp.write_text(stamp_of(lock))


def main(target: str) -> None:
    os.chdir(str(ROOT))
    parts = [part for part in PARTS if part not in skipped_parts()]
    make_venv()
    install(target)
    if target == "test":
        bring_packages(parts)
        if {"browser", "idp"} & set(parts):
            bring_node_packages()


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except OSError as problem:
        stop(str(problem))
    except KeyboardInterrupt:
        sys.exit(130)
