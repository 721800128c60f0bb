"""How log lines look: plain, to stderr, without secrets, one event a line.

Links that were mailed carry a token in their path, and Django logs the path of each
refused request; the token is replaced here, whoever logs it.
"""

import logging
import re
import sys
from typing import Any

LOG_LEVELS = {level: level for level in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")}
TOKEN = re.compile(r"(?<=/)[\w:.=~-]{20,}(?=/|\s|$|['\"?])")


class LineFormatter(logging.Formatter):
    """Indents every line after the first, so that a name with a line break forges none."""

    def format(self, record: logging.LogRecord) -> str:
        line = "\n    ".join(super().format(record).splitlines())
        # File paths in a traceback are no links; they follow the first line.
        first, rest = (*line.split("\n", 1), "")[:2]
        first = TOKEN.sub("[token]", first)
        return f"{first}\n{rest}" if rest else first


class RefusalFilter(logging.Filter):
    """Keeps a request that was refused (below 500) to one line; a fault of ours has its trace."""

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "status_code", 500) < 500:
            record.exc_info = record.exc_text = None
        return True


def logging_config(*, level: str) -> dict[str, Any]:
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": LineFormatter,
                "format": "%(asctime)s %(levelname)s %(name)s: %(message)s",
            }
        },
        "filters": {"refusal": {"()": RefusalFilter}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "stream": sys.stderr,
                "formatter": "line",
                "filters": ["refusal"],
            }
        },
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Django's own handlers mail tracebacks with request data to ADMINS.
            "django": {"handlers": [], "level": level, "propagate": True},
            "django.server": {"handlers": [], "level": level, "propagate": True},
        },
    }
