"""No text for people stands in a page or in Python without being marked for translation."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy import messages

# Pages that only a developer's own machine shows.
LOCAL = re.compile(r"enforcement/styleguide.*|accounts/outbox\.html|enforcement/_.*sample.*")
TRANSLATED = re.compile(
    r"{%\s*blocktranslate.*?{%\s*endblocktranslate\s*%}|{%.*?%}|{{.*?}}|{#.*?#}", re.DOTALL
)
CODE = re.compile(r"<(style|script)\b.*?</\1>|<!--.*?-->|<!DOCTYPE[^>]*>|&#?\w+;", re.DOTALL)
TAG = re.compile(r"<[^>]*>")
SAID = re.compile(r'\b(?:aria-label|data-label|title|alt|placeholder)="([^"]*)"')
BUTTON = re.compile(r'<input\b[^>]*type="submit"[^>]*\bvalue="([^"]*)"')
CLASSES = re.compile(r"{%\s*block (?:body_?class|card)\b.*?{%\s*endblock.*?%}", re.DOTALL)
LETTERS = re.compile(r"[A-Za-z]{2,}")
LITERAL = {"Connect", "OpenID", "SAML", "UTC"}  # the same in every language


def pages() -> list[Path]:
    found = messages.sources(messages.PAGES) + messages.sources(messages.MAILS)
    return [path for path in found if not LOCAL.fullmatch(name_of(path))]


def name_of(path: Path) -> str:
    return str(path.relative_to(messages.ROOT / messages.PAGES))


def untranslated(source: str) -> set[str]:
    """Return the words that a template shows as they stand."""
    bare = CODE.sub(" ", TRANSLATED.sub(" ", CLASSES.sub(" ", source)))
    shown = [TAG.sub("\n", bare), *SAID.findall(bare), *BUTTON.findall(bare)]
    return {word for text in shown for word in LETTERS.findall(text)} - LITERAL


@pytest.mark.parametrize("path", pages(), ids=name_of)
def test_a_page_says_nothing_that_is_not_translated(path: Path) -> None:
    assert untranslated(path.read_text()) == set()


@pytest.mark.parametrize(
    ("source", "words"),
    {
        "<p>{% translate 'Hello' %} {{ name }}</p>": set(),
        "<p>{% blocktranslate %}Hello {{ name }}{% endblocktranslate %}</p>": set(),
        "<p>Hello {{ name }}</p>": {"Hello"},
        '<nav aria-label="Main"></nav>': {"Main"},
        '<input type="submit" value="Show">': {"Show"},
        '<input type="hidden" value="on"><a class="button">{% translate "Go" %}</a>': set(),
    }.items(),
)
def test_the_search_finds_bare_words(source: str, words: set[str]) -> None:
    assert untranslated(source) == words


# Python

MARKS = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy", "pgettext", "pgettext_lazy"}
MARKS |= {"npgettext", "npgettext_lazy"}
SENTENCE = re.compile(r"[A-Z“][^{}<>=_]*\s[^{}<>=_]*\w[^{}<>=_]*[.?!:]", re.DOTALL)
LABELS = {"label", "help_text", "description", "verbose_name", "verbose_name_plural", "title"}
# Nobody but developers and operators reads these: faults of code and settings, logs and figures.
FOR_OPERATORS = {
    "accounts/alarms.py", "accounts/app_role.py", "accounts/audit_check.py", "accounts/checks.py",
    "accounts/figures.py", "accounts/heads.py", "accounts/sealing.py", "accounts/throttle.py",
    "accounts/views/probes.py",
    "enforcement/checks.py", "enforcement/pass_alarms.py", "enforcement/pulse.py",
    "enforcement/styleguide.py",
    "twofactor/sealing.py",
}  # fmt: skip
TEXTS_FOR_OPERATORS = {
    "Only sessions that passed X see this.",
    "Texts within 24 hours.",
    "X: arguments are read as UTF-8.",
    "The code was refused: X.",
    "The texts of the X are used up.",
}
FAULTS = {
    "ImproperlyConfigured", "LookupError", "OSError", "RuntimeError", "TransactionManagementError",
    "TypeError", "ValueError",
}  # fmt: skip


def modules() -> list[Path]:
    found = (path for app in messages.APPS for path in messages.sources(app))
    return [path for path in found if not is_for_operators(path)]


def is_for_operators(path: Path) -> bool:
    name = str(path.relative_to(messages.ROOT))
    return name in FOR_OPERATORS or {"migrations", "management"} & set(path.parts) != set()


class Unmarked(ast.NodeVisitor):
    """Collects texts for people that no call of gettext holds."""

    def __init__(self, *, is_models: bool) -> None:
        self.found: list[str] = []
        self.is_models = is_models

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # not a docstring
            self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func
        name = getattr(called, "attr", getattr(called, "id", ""))
        owner = getattr(getattr(called, "value", None), "id", "")
        if name in MARKS | FAULTS or owner == "logger":
            return
        for keyword in node.keywords:
            if keyword.arg in LABELS and not (self.is_models and keyword.arg == "help_text"):
                self.found += list(bare(keyword.value))
        self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> None:
        if node.arg != "help_text":  # of a column; that of a form field was looked at with its call
            self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and SENTENCE.fullmatch(node.value):
            self.found.append(node.value)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        parts = [part.value if isinstance(part, ast.Constant) else "X" for part in node.values]
        told = "".join(map(str, parts))
        if SENTENCE.fullmatch(told):
            self.found.append(told)


def bare(value: ast.expr) -> Iterator[str]:
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        if LETTERS.search(value.value):
            yield value.value
    elif isinstance(value, ast.JoinedStr):
        yield ast.unparse(value)


def unmarked(source: str) -> set[str]:
    search = Unmarked(is_models="models.Model" in source)
    search.visit(ast.parse(source))
    return set(search.found) - TEXTS_FOR_OPERATORS


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(messages.ROOT)))
def test_a_module_says_nothing_that_is_not_translated(path: Path) -> None:
    assert unmarked(path.read_text()) == set()


@pytest.mark.parametrize(
    ("source", "number"),
    {
        '_("Wait a moment.")': 0,
        '"""Only the reader of the code sees this."""': 0,
        'logger.error("The clocks are apart.")': 0,
        'raise NotAllowed("Only an owner may do this.")': 1,
        'messages.error(request, f"{name} is no member.")': 1,
        'forms.CharField(label="Name")': 1,
        'forms.CharField(label=_("Name"))': 0,
    }.items(),
)
def test_the_search_finds_bare_texts(source: str, number: int) -> None:
    assert len(unmarked(source)) == number
