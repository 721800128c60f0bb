"""The browsers in the list of sessions, by the names that people know."""

import pytest

from accounts import agents

HEADERS = {
    "Edge on Windows": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like"
    " Gecko) Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0",
    "Chrome on Android": "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/141.0.0.0 Mobile Safari/537.36",
    "Safari on iPhone": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1"
    ".15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1",
    "Firefox on Linux": "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "curl/8.14.1": "curl/8.14.1",
    "Unknown browser": "",
}


@pytest.mark.parametrize(("known_as", "header"), HEADERS.items(), ids=HEADERS)
def test_a_browser_has_the_name_that_people_know(known_as: str, header: str) -> None:
    assert agents.described(header) == known_as
