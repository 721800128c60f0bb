"""The certified provider of OpenID Connect, as a process; its pages, walked as a browser would."""

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import requests
from joserfc.jwk import RSAKey

from tests.services.processes import ROOT, Process, environment, free_port, running

SCRIPT = Path(__file__).with_suffix(".mjs")
MODULES = ROOT / "tests" / "node_modules"
CLIENT_ID, SECRET = "gatehouse", "a secret for the certified provider"
MOST_PAGES = 12


@dataclass(kw_only=True)
class OidcProvider:
    """Where it listens, and what it is started with; it can be stopped and started again."""

    folder: Path
    redirect_uris: list[str]
    port: int = field(default_factory=free_port)
    keys: list[Any] = field(default_factory=lambda: [new_key()])
    process: Process | None = None
    stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        client = {
            "client_id": CLIENT_ID,
            "client_secret": SECRET,
            "redirect_uris": self.redirect_uris,
        }
        wanted = {
            "port": self.port,
            "jwks": {"keys": self.keys},
            "client": client,
            "modules": str(MODULES),
        }
        command = ["node", "--no-warnings", str(SCRIPT), json.dumps(wanted)]
        env = environment(NODE_ENV="test")
        self.process = self.stack.enter_context(running(command, folder=self.folder, env=env))
        process = self.process
        process.wait_until(lambda: "Listening" in process.output())

    def stop(self) -> None:
        self.stack.close()

    def rotate_keys(self) -> None:
        """Sign with a new key from here on, and publish the old one no more."""
        self.keys = [new_key()]
        self.stop()
        self.start()

    def sign_in(
        self, url: str, *, name: str = "ada", browser: requests.Session | None = None
    ) -> str:
        """Be a person called ``name`` at the provider; return where it sends them back to."""
        browser = browser or requests.Session()
        answer = browser.get(url, allow_redirects=False)
        for _ in range(MOST_PAGES):
            if answer.is_redirect:
                url = urljoin(answer.url, answer.headers["Location"])
                if not url.startswith(self.issuer):
                    return url
                answer = browser.get(url, allow_redirects=False)
            else:
                answer = browser.post(*filled_in(answer, name), allow_redirects=False)
        raise AssertionError(answer.text)


def filled_in(page: requests.Response, name: str) -> tuple[str, dict[str, str]]:
    """Return where the form of a page goes, and what a person writes into it."""
    action = re.search(r'<form[^>]* action="([^"]+)"', page.text)
    assert action, page.text
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text))
    return urljoin(page.url, unescape(action[1])), {**fields, "login": name, "password": "any"}


def new_key() -> dict[str, Any]:
    key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True)
    return dict(key.as_dict(private=True))


@contextlib.contextmanager
def running_oidc_provider(*, folder: Path, redirect_uris: list[str]) -> Iterator[OidcProvider]:
    provider = OidcProvider(folder=folder, redirect_uris=redirect_uris)
    provider.start()
    try:
        yield provider
    finally:
        provider.stop()
