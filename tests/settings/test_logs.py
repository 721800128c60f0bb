import io
import logging

import pytest
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.utils.log import log_response

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


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the handler that LOGGING asks for writes to stderr."""
    (handler,) = [each for each in logging.getLogger().handlers if each.name == "stderr"]
    written = io.StringIO()
    monkeypatch.setattr(handler, "stream", written)
    return written


@pytest.mark.parametrize(("status", "has_trace"), [(400, False), (403, False), (500, True)])
def test_a_refused_request_is_one_line_and_a_fault_keeps_its_trace(
    status: int, has_trace: bool, said: io.StringIO
) -> None:
    try:
        raise PermissionDenied
    except PermissionDenied as why:
        log_response("Answered: %s", "/admin/", response=HttpResponse(status=status), exception=why)
    first, *trace = said.getvalue().splitlines()
    assert first.endswith("django.request: Answered: /admin/")
    assert bool(trace) is has_trace
