"""What stands in the way of a set-up is told in one line."""

import importlib.util
import os
import shutil
import sys
from pathlib import Path

import pytest

from deploy import prepare


def complaint(stopped: pytest.ExceptionInfo[SystemExit]) -> str:
    message = str(stopped.value)
    assert message.startswith("gatehouse: ")
    assert "\n" not in message
    return message


def test_an_old_python_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "OLDEST", (99, 0))
    with pytest.raises(SystemExit) as stopped:
        prepare.find_python()
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert complaint(stopped).endswith(f"is needed; this is {version}.")


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_a_missing_venv_module_is_named(
    module: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(prepare, "PYTHON", tmp_path / "python")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    hide(module, monkeypatch)
    with pytest.raises(SystemExit) as stopped:
        prepare.make_venv()
    assert "apt-get install python3-venv" in complaint(stopped)


def hide(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == module else find(name)
    )


class Elsewhere(Exception):
    """The process went on as another Python."""


def test_a_python_without_venv_makes_way_for_one_that_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def execv(path: str, arguments: list[str]) -> None:
        raise Elsewhere(path, *arguments)

    monkeypatch.setattr(os, "execv", execv)
    monkeypatch.setattr(shutil, "which", {"python3.12": sys.executable}.get)
    hide("ensurepip", monkeypatch)
    with pytest.raises(Elsewhere) as went:
        prepare.find_python()
    assert went.value.args == (sys.executable, sys.executable, prepare.__file__, *sys.argv[1:])


def test_a_lock_that_lacks_a_hash_is_not_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "requirements.txt").write_text("django==5.2\n")
    monkeypatch.setattr(prepare, "ROOT", tmp_path)
    monkeypatch.setattr(prepare, "VENV", tmp_path)
    monkeypatch.setattr(prepare, "PYTHON", Path(sys.executable))
    with pytest.raises(SystemExit) as stopped:
        prepare.install("run")
    assert "packages cannot be installed" in complaint(stopped)
    assert not list(tmp_path.glob("installed-*"))


def test_a_changed_lock_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text("one")
    monkeypatch.setattr(prepare, "ROOT", tmp_path)
    monkeypatch.setattr(prepare, "VENV", tmp_path)
    (tmp_path / "installed-requirements.txt").write_text(prepare.stamp_of(lock))
    prepare.install("run")
    lock.write_text("two")
    monkeypatch.setattr(prepare, "run", lambda command: pytest.fail("installs", pytrace=False))
    with pytest.raises(pytest.fail.Exception):
        prepare.install("run")


def test_an_unknown_part_cannot_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKIP", "redis,postgre")
    with pytest.raises(SystemExit) as stopped:
        prepare.skipped_parts()
    assert "postgres, redis, browser, idp" in complaint(stopped)


def test_without_rights_a_missing_part_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SystemExit) as stopped:
        prepare.bring_packages(["redis", "browser"])
    message = complaint(stopped)
    assert "apt-get install chromium nodejs npm redis-server" in message
    assert "SKIP=redis,browser" in message
