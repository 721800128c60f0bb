"""A visitor without JavaScript who talks real HTTP to a real server."""

import re
from dataclasses import dataclass, field

import requests

TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
# Far above what any page may take; a page that waits for something that is away never ends.
PATIENCE = 15


@dataclass(kw_only=True)
class Visitor:
    """One browser: cookies, the token of the last page, and redirects followed by hand."""

    url: str
    session: requests.Session = field(default_factory=requests.Session)
    token: str = ""

    def __post_init__(self) -> None:
        self.session.headers["Accept"] = "text/html"
        self.session.trust_env = False

    def get(self, path: str) -> requests.Response:
        return self._send("GET", path, None)

    def post(self, path: str, **fields: str) -> requests.Response:
        """Post a form of the page that was read last."""
        return self._send("POST", path, {**fields, "csrfmiddlewaretoken": self.token})

    def open_and_post(self, path: str, **fields: str) -> requests.Response:
        assert self.get(path).status_code == 200
        return self.post(path, **fields)

    def _send(self, method: str, path: str, fields: dict[str, str] | None) -> requests.Response:
        answer = self.session.request(
            method, self.url + path, data=fields, allow_redirects=False, timeout=PATIENCE
        )
        assert answer.status_code < 500, f"{path}: {answer.status_code}"
        found = TOKEN.search(answer.text)
        self.token = found[1] if found else self.token
        return answer
