"""The arithmetic of the authenticator app (RFC 6238): no rows, no clock, no settings but the name.

Only ``twofactor.redeem`` and ``twofactor.enrolment`` call it; whether a code *counts* is
decided by ``redeem``, under the lock.
"""

import hmac
from datetime import datetime
from html import escape

import pyotp
import qrcode
from django.conf import settings
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

STEP_SECONDS = 30
SECRET_SYMBOLS = 32  # of base32: 160 bits, as RFC 4226 section 4 recommends
DRIFT = 1
QUIET_ZONE = 4


class App(pyotp.TOTP):
    """pyotp decodes the secret anew for each step; once is enough for the three."""

    decoded: bytes | None = None

    def byte_secret(self) -> bytes:
        if self.decoded is None:
            self.decoded = super().byte_secret()
        return self.decoded


def new_secret() -> str:
    return pyotp.random_base32(SECRET_SYMBOLS)


def step_at(now: datetime) -> int:
    return int(now.timestamp() // STEP_SECONDS)


def matching_steps(secret: str, code: str, *, now: datetime) -> list[int]:
    """Return the time steps around ``now`` whose code is ``code``, used up or not."""
    app = App(secret)
    here = step_at(now)
    # All steps are computed, also after a match: the answer takes the same time.
    return [
        step
        for step in range(max(here - DRIFT, 0), here + DRIFT + 1)
        if hmac.compare_digest(app.generate_otp(step).encode(), code.encode())
    ]


def matching_step(secret: str, code: str, *, last_step: int, now: datetime) -> int | None:
    """Return the step that ``code`` belongs to; None if it fits none after ``last_step``.

    The record of what was used is the step, never the digits: those have many spellings.
    """
    unused = [step for step in matching_steps(secret, code, now=now) if step > last_step]
    return unused[0] if unused else None


def provisioning_uri(secret: str, *, name: str) -> str:
    """Return the ``otpauth:`` address that an authenticator app reads."""
    uri: str = pyotp.TOTP(secret).provisioning_uri(
        name=name, issuer_name=settings.TWO_FACTOR_ISSUER
    )
    return uri


def grouped(secret: str) -> str:
    """Return the key as people type it: in groups of four."""
    return " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))


def qr_svg(uri: str) -> SafeString:
    """Draw ``uri`` as an inline SVG.

    One path of horizontal strokes: the library's own drawing spends twelve characters on each
    dark module. The mask is fixed, because trying all eight takes three times as long and any
    of them can be read.
    """
    code = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_L, border=QUIET_ZONE, mask_pattern=3)
    code.add_data(uri)
    code.make(fit=True)
    matrix = code.get_matrix()
    strokes = "".join(_row_path(y, row) for y, row in enumerate(matrix))
    size, title = len(matrix), escape(_("QR code to scan with an authenticator app"))
    return mark_safe(  # noqa: S308 - numbers and an escaped title
        f'<svg class="qr" role="img" aria-labelledby="qr-title" viewBox="0 0 {size} {size}"'
        f' width="{size * 5}" height="{size * 5}" shape-rendering="crispEdges">'
        f'<title id="qr-title">{title}</title>'
        f'<path fill="#fff" d="M0 0h{size}v{size}H0z"/>'
        f'<path stroke="#000" d="{strokes}"/></svg>'
    )


def _row_path(y: int, row: list[bool]) -> str:
    """Return the strokes of one row: move to each run of dark modules and draw its length."""
    path, x, width = "", 0, len(row)
    while x < width:
        if not row[x]:
            x += 1
            continue
        end = x
        while end < width and row[end]:
            end += 1
        path += f"M{x} {y}.5h{end - x}"
        x = end
    return path
