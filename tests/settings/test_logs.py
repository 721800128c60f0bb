import logging

import pytest

from settings.logs import LineFormatter


def line_of(message: str, *arguments: object) -> str:
    record = logging.LogRecord("x", logging.INFO, "f", 1, message, arguments, None)
    return LineFormatter("%(levelname)s %(message)s").format(record)


@pytest.mark.proves("S59")
def test_a_name_with_a_line_break_forges_no_line() -> None:
    for forged in ("Ada\nERROR all is lost", "Ada\r\nERROR all is lost", "Ada\u2028ERROR"):
        first, *rest = line_of("%s joined", forged).splitlines()
        assert first == "INFO Ada"
        assert all(line.startswith("    ") for line in rest)


def test_tokens_in_links_are_not_logged() -> None:
    token = "c5v4b6-1234567890abcdef1234567890abcdef"
    for message in (f"Not Found: /not-me/{token}/", f"Forbidden: '/password/reset/MQ/{token}'"):
        assert token not in line_of(message)


def test_ordinary_paths_are_logged() -> None:
    assert line_of("Not Found: /accounts/northwind/") == "INFO Not Found: /accounts/northwind/"
