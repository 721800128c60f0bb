"""A Redis server of our own on a socket, with nothing kept."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import redis

from tests.services.processes import Process, environment, running


@dataclass(frozen=True, kw_only=True)
class RedisServer:
    url: str
    process: Process

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)

    def answers(self) -> bool:
        try:
            return bool(self.client().ping())
        except redis.RedisError:
            return False


@contextlib.contextmanager
def redis_folder() -> Iterator[Path]:
    """A folder whose name is short enough for a socket in it."""
    folder = Path(tempfile.mkdtemp(prefix="gh-redis-", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def redis_url(folder: Path) -> str:
    """Return the REDIS_URL of the server that runs, ran or will run in ``folder``."""
    return f"unix://{folder / 'socket'}?db=0"


@contextlib.contextmanager
def running_redis() -> Iterator[RedisServer]:
    """Start a server; its ``url`` fits REDIS_URL, and its ``process`` may be killed."""
    with redis_folder() as folder, running_redis_in(folder) as server:
        yield server


@contextlib.contextmanager
def running_redis_in(folder: Path) -> Iterator[RedisServer]:
    socket = folder / "socket"
    command = ["redis-server", "--port", "0", "--unixsocket", str(socket)]
    command += ["--unixsocketperm", "700", "--save", "", "--dir", str(folder)]
    with running(command, folder=folder, env=environment()) as process:
        server = RedisServer(url=redis_url(folder), process=process)
        process.wait_until(server.answers)
        yield server
