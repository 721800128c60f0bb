from typing import Any

import pytest
from django import forms
from django.test import SimpleTestCase

from accounts.widgets import LongSelect

CHOICES = [("UTC", "UTC"), ("x&y", "<b>X</b> & Y"), (3, "three")]


@pytest.mark.parametrize("value", ["UTC", "x&y", 3, None, "unknown"])
@pytest.mark.parametrize("required", [True, False])
def test_a_long_select_is_written_as_django_writes_one(value: Any, required: bool) -> None:
    attrs = {"id": "id_zone", "aria-describedby": "help", "disabled": False, "required": required}
    written = [
        kind(attrs={"class": "wide"}, choices=CHOICES).render("zone", value, attrs)
        for kind in (LongSelect, forms.Select)
    ]
    SimpleTestCase().assertHTMLEqual(*written)
