"""A provider of SAML posts its answer from another site, with which a browser sends no cookies."""

import html
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import BrowserContext, Request

from tests.browser.product import Product
from tests.services.processes import environment, python, running
from tests.sso.saml import plain
from tests.sso.saml.keys import keys

pytestmark = pytest.mark.browser

SLUG, ISSUER = "posting", "https://idp.example/metadata"
PAGE = """<!doctype html><title>Provider</title>
<form method="post" action="{to}"><input name="SAMLResponse" type="hidden" value="{answer}">
<button>Sign in</button></form>"""


class Provider(BaseHTTPRequestHandler):
    """Whoever asks is Ada; her answer is posted by a form."""

    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        answer = plain.answer(
            self.path, keys("browser"), issuer=ISSUER, subject="4711", email="ada@posting.example"
        )
        page = PAGE.format(to=html.escape(plain.callback_of(self.path)), answer=answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *args: object) -> None:
        """Keep quiet."""


@contextmanager
def provider() -> Iterator[str]:
    """Yield the address of a provider; ``localhost`` is another site than ``127.0.0.1``."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Provider) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}/sso"
        server.shutdown()


@pytest.fixture(scope="module")
def start(product: Product, data: Path) -> Iterator[str]:
    """Make an account whose provider lets new people in; yield where the way to it begins."""
    with provider() as sso_url:
        wanted = {
            "slug": SLUG,
            "members": ["owner@posting.example"],
            "is_required": False,
            "provider": {
                "issuer": ISSUER,
                "sso_url": sso_url,
                "certificates": keys("browser").certificate,
                "email_domains": ["posting.example"],
            },
        }
        env = environment(DJANGO_SETTINGS_MODULE="settings.local", VAR_DIR=str(data))
        command = python("-m", "tests.browser.stage", json.dumps(wanted))
        with running(command, folder=data, env=env) as process:
            assert process.popen.wait(120) == 0, process.output()
        yield f"{product.url}/sso/{SLUG}/?next=/settings/"


@pytest.mark.proves("S51")
@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_an_answer_from_another_site_leads_in(
    product: Product, start: str, new_context: Callable[..., BrowserContext], scripts: bool
) -> None:
    page = new_context(java_script_enabled=scripts).new_page()
    posts: list[Request] = []
    page.on("request", lambda sent: posts.append(sent) if sent.method == "POST" else None)
    page.goto(start)
    page.get_by_role("button", name="Sign in").click()
    if not scripts:
        page.get_by_role("button", name="Go on").click()
    page.wait_for_url(f"{product.url}/settings/")
    assert ["cookie" in post.all_headers() for post in posts] == [False, True]
