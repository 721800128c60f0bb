"""Processes that post many forms at the same instant; ``bench.proof.poster`` is each of them.

They are started once and told over a pipe what to post. Each post goes through the product's whole
stack, in a thread and with a database connection of its own.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from django.test import Client

from tests.services.processes import ROOT, environment
from tests.services.product import test_database_url
from twofactor import backup_codes

PROCESSES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One form, or a page asked for, as a browser with these cookies sends it."""

    path: str
    fields: dict[str, str] = field(default_factory=dict)
    method: str = "post"
    cookies: dict[str, str] = field(default_factory=dict)
    address: str = "192.0.2.77"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a post was answered; ``error`` is the traceback of what nobody caught."""

    status: int
    location: str = ""
    error: str = ""


class Poster:
    """One process of the fleet, seen from outside."""

    def __init__(self, popen: subprocess.Popen[str]) -> None:
        self.popen = popen

    def prepare(self, posts: Sequence[Post]) -> None:
        """Have ``posts`` ready to be sent at the word."""
        # A hash made here must be one there: tests make theirs cheaply.
        cost = (backup_codes.TIME_COST, backup_codes.MEMORY_KIB)
        self.tell({"posts": [asdict(post) for post in posts], "cost": cost})

    def tell(self, message: object) -> None:
        pipe = _open(self.popen.stdin)
        pipe.write(json.dumps(message) + "\n")
        pipe.flush()

    def hear(self) -> object:
        line = _open(self.popen.stdout).readline()
        if not line:
            raise RuntimeError(f"A posting process ended: {self.popen.wait()}")
        return json.loads(line)


def _open(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


@dataclass(frozen=True, slots=True)
class Fleet:
    """The processes, ready to post."""

    posters: list[Poster]

    def post(self, posts: Sequence[Post]) -> list[Answer]:
        """Send all ``posts`` at the same instant, over all processes; answers in any order."""
        share = len(self.posters)
        for number, poster in enumerate(self.posters):
            poster.prepare(posts[number::share])
        for poster in self.posters:
            assert poster.hear() == "ready"
        for poster in self.posters:
            poster.tell("go")
        heard = [poster.hear() for poster in self.posters]
        return [Answer(**each) for answers in heard for each in answers]  # type: ignore[attr-defined]


@contextmanager
def running_fleet(folder: Path, *, threads: int, processes: int = PROCESSES) -> Iterator[Fleet]:
    """Start the processes on this process's database; their logs and texts lie in ``folder``."""
    env = environment(
        DJANGO_SETTINGS_MODULE="settings.test",
        DATABASE_URL=test_database_url(),
        VAR_DIR=str(folder),
        LOG_LEVEL="ERROR",
        SSO_ALLOW_PRIVATE="1",
    )
    command = [sys.executable, "-m", "bench.proof.poster", str(threads)]
    with ExitStack() as stack:
        posters = []
        for number in range(processes):
            log = stack.enter_context((folder / f"poster{number}.log").open("wb"))
            popen = subprocess.Popen(
                command, env=env, cwd=ROOT, text=True, stderr=log,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )  # fmt: skip
            stack.callback(_end, popen)
            posters.append(Poster(popen))
        for poster in posters:
            assert poster.hear() == "up"
        yield Fleet(posters)


def _end(popen: subprocess.Popen[str]) -> None:
    popen.kill()
    popen.communicate()


def cookies_of(client: Client) -> dict[str, str]:
    return {name: morsel.value for name, morsel in client.cookies.items()}


def in_turn(
    browsers: Sequence[Client], *, path: str, fields: Sequence[dict[str, str]], number: int
) -> list[Post]:
    """Return ``number`` posts to ``path``, each browser's and each of ``fields`` in turn."""
    cookies = [cookies_of(browser) for browser in browsers]
    return [
        Post(
            path=path,
            fields=fields[turn % len(fields)],
            cookies=cookies[turn % len(browsers)],
            address=f"198.51.100.{1 + turn % 20}",
        )
        for turn in range(number)
    ]
