"""One posting process of ``bench.proof.fleet``: waits at its pipe, posts, reports, waits again."""

import gc
import json
import os
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from threading import Barrier, Event
from typing import Any

import django

PATIENCE = 120
# Any secret of this form does: it is the browser that says it, twice.
TOKEN = "t" * 32


class Browser:
    """A thread's own client, database connection, and the last error that nobody caught."""

    def __init__(self) -> None:
        from django.test import Client  # noqa: PLC0415 - settings come first

        self.client = Client(
            enforce_csrf_checks=True,
            raise_request_exception=False,
            headers={"accept": "text/html", "sec-fetch-mode": "navigate"},
        )
        self.client.handler.load_middleware()

    def post(self, post: dict[str, Any]) -> dict[str, Any]:
        from django.conf import settings  # noqa: PLC0415 - as above

        self.client.cookies.clear()
        for name, value in {**post["cookies"], settings.CSRF_COOKIE_NAME: TOKEN}.items():
            self.client.cookies[name] = value
        self.client.exc_info = None
        fields = dict(post["fields"])
        if post["method"] == "post":
            fields["csrfmiddlewaretoken"] = TOKEN
        send = getattr(self.client, post["method"])
        answer = send(post["path"], fields, REMOTE_ADDR=post["address"])
        raised = answer.exc_info
        error = "".join(traceback.format_exception(raised[1])) if raised else ""
        location = answer.headers.get("Location", "")
        return {"status": answer.status_code, "location": location, "error": error}


def main(threads: int) -> None:
    # What anything prints must not get into the pipe.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def tell(message: object) -> None:
        out.write(json.dumps(message) + "\n")
        out.flush()

    django.setup()
    from twofactor import backup_codes  # noqa: PLC0415 - settings come first

    browsers: SimpleQueue[Browser] = SimpleQueue()
    with ThreadPoolExecutor(threads) as pool:
        start_all(pool, browsers, threads)
        gc.freeze()  # what is here now stays: nobody need look through it again and again
        tell("up")
        for line in sys.stdin:
            told = json.loads(line)
            posts = told["posts"]
            backup_codes.TIME_COST, backup_codes.MEMORY_KIB = told["cost"]
            ready, go = Barrier(len(posts) + 1), Event()
            under_way = [pool.submit(send, post, browsers, ready, go) for post in posts]
            ready.wait(PATIENCE)
            tell("ready")
            sys.stdin.readline()
            go.set()
            tell([each.result(PATIENCE) for each in under_way])


def start_all(pool: ThreadPoolExecutor, browsers: "SimpleQueue[Browser]", threads: int) -> None:
    """Have each thread connect and open a page, so that no post is the first of anything."""
    all_here = Barrier(threads)

    def start() -> None:
        browser = Browser()
        browser.client.get("/login/")
        browsers.put(browser)
        all_here.wait(PATIENCE)

    for started in [pool.submit(start) for _ in range(threads)]:
        started.result(PATIENCE)


def send(
    post: dict[str, Any], browsers: "SimpleQueue[Browser]", ready: Barrier, go: Event
) -> dict[str, Any]:
    from django.db import connection  # noqa: PLC0415 - settings come first

    browser = browsers.get()
    try:
        connection.ensure_connection()
        ready.wait(PATIENCE)
        go.wait(PATIENCE)
        return browser.post(post)
    finally:
        browsers.put(browser)


if __name__ == "__main__":
    main(int(sys.argv[1]))
