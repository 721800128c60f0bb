"""`make proof`: every long run, each in a process of its own, its dated result in docs/proof.md.

ARGS names the runs (default: all); ``--share 0.01`` runs a hundredth of each; ``--dry`` writes
nothing down.
"""

import argparse
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from bench import databases
from bench.proof.runs import RUNS, Run

PAGE = Path(__file__).resolve().parents[2] / "docs" / "proof.md"
OURS = ("DATABASE_URL", "REDIS_URL", "EMAIL_URL", "SESSION_ENGINE", "VAR_DIR", "BASE_URL")


def perform(run: Run, *, share: float) -> tuple[bool, str]:
    """Perform one run on a database of its own; return whether it held, and its last line."""
    environment = {name: value for name, value in os.environ.items() if name not in OURS}
    with getattr(databases, run.database)() as url:
        environment |= {"DJANGO_SETTINGS_MODULE": "bench.settings", "DATABASE_URL": url}
        done = subprocess.run(
            [sys.executable, "-m", "bench.proof.child", run.name, str(run.size(share))],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
    lines = done.stdout.strip().splitlines() or ["no result"]
    return done.returncode == 0, lines[-1]


def write_down(run: Run, result: str, *, held: bool) -> None:
    """Put the result first in the run's list; older ones stay below it."""
    sections = PAGE.read_text().rstrip().split("\n## ")
    place = next((at for at, one in enumerate(sections) if one.startswith(f"{run.title}\n")), None)
    if place is None:
        place = len(sections)
        sections.append(f"{run.title}\n\n{run.what}")
    about, _, older = sections[place].rstrip().partition("\n- ")
    line = f"- {datetime.now(UTC):%Y-%m-%d}: {'' if held else '**failed**: '}{result}"
    listed = f"{line}\n- {older}" if older else line
    sections[place] = f"{about.rstrip()}\n\n{listed}\n"
    PAGE.write_text("\n## ".join(section.rstrip() + "\n" for section in sections))


def main() -> int:
    parser = argparse.ArgumentParser(prog="make proof", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="RUN", help=", ".join(run.name for run in RUNS))
    parser.add_argument("--share", type=float, default=1)
    parser.add_argument("--dry", action="store_true")
    chosen = parser.parse_args()
    failed = 0
    for run in RUNS:
        if chosen.names and run.name not in chosen.names:
            continue
        held, result = perform(run, share=chosen.share)
        failed += not held
        print(f"{run.title}: {'' if held else 'FAILED: '}{result}", flush=True)
        if not chosen.dry:
            write_down(run, result, held=held)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
