"""A name from right to left turns nothing round: pages set names apart (accounts.calling), and so
do sentences that Python puts together (accounts.words.filled)."""

import ast
import re
from collections.abc import Iterator

import pytest
from django.template import Context, Template

from accounts.words import filled
from tests.languages.test_sources import modules, name_of, pages

ARABIC = "مُحَمَّد & <b>"
NAME = (
    r"(?:\w+\.)*(?:person|user|account|provider|inviter|invited_by|endorsed_by|granted_by|approved_by|"
    r"asked_by|started_by|closed_by|actor)(?:\.name)?"
)
SHOWN = re.compile(rf"{{{{ *(?!form\.)(?:{NAME}) *(?:\|default:[^|}}]*)?}}}}")
SENTENCE = re.compile(r"{%\s*blocktranslate\b(.*?)%}(.*?){%\s*endblocktranslate\s*%}", re.DOTALL)
GIVEN = re.compile(r'(\w+)=((?:[^\s"]|"[^"]*")+)')
OTHERS = re.compile(r"^admin/|(^|/)mail/")
APART = ("|named", "|isolated", ".email", ".pk")


def bare_names(source: str) -> set[str]:
    """Return the names that a template prints as they stand."""
    found = set(SHOWN.findall(SENTENCE.sub("", source)))
    for options, sentence in SENTENCE.findall(source):
        given = dict(GIVEN.findall(options))
        for shown in SHOWN.findall(sentence):
            name = shown.strip("{} ")
            if not given.get(name, name).endswith(APART):
                found.add(shown)
        found |= {f"{name}={value}" for name, value in given.items() if re.fullmatch(NAME, value)}
    return found


def test_every_page_sets_each_name_apart() -> None:
    """Mails do where their values are made (accounts.mail_names), the stock admin by itself."""
    named = {name_of(path): path for path in pages()}
    ours = {name: path for name, path in named.items() if not OTHERS.search(name)}
    bare = {name: bare_names(path.read_text()) for name, path in ours.items()}
    assert {name: names for name, names in bare.items() if names} == {}


@pytest.mark.parametrize(
    ("source", "bare"),
    {
        "<h1>{{ account }}</h1>": {"{{ account }}"},
        "<h1>{{ account|named }}</h1>": set(),
        "{% blocktranslate %}Leave {{ account }}{% endblocktranslate %}": {"{{ account }}"},
        "{% blocktranslate with who=a.user %}By {{ who }}{% endblocktranslate %}": {"who=a.user"},
        "{% blocktranslate with who=a.user|named %}By {{ who }}{% endblocktranslate %}": set(),
        "{% blocktranslate with user=a.user.email %}{{ user }}{% endblocktranslate %}": set(),
    }.items(),
)
def test_the_search_finds_bare_names(source: str, bare: set[str]) -> None:
    assert bare_names(source) == bare


@pytest.mark.parametrize(
    ("name", "shown", "title"),
    [
        ("Ada & <b>", "Ada &amp; &lt;b&gt;", "Ada &amp; &lt;b&gt;"),
        (ARABIC, "<bdi>مُحَمَّد &amp; &lt;b&gt;</bdi>", "\u2068مُحَمَّد &amp; &lt;b&gt;\u2069"),
        (None, "", ""),
    ],
)
def test_a_name_is_escaped_and_set_apart_where_it_has_to_be(
    name: str | None, shown: str, title: str
) -> None:
    page = Template("{% load calling %}{{ name|named }} | {{ name|isolated }}")
    assert page.render(Context({"name": name})) == f"{shown} | {title}"


def test_an_address_may_be_broken_between_its_parts() -> None:
    page = Template("{% load calling %}{{ address|parted }}")
    shown = page.render(Context({"address": "a.b@far<away>.long-domains.example"}))
    assert shown == "a.b@<wbr>far&lt;away&gt;<wbr>.long-domains<wbr>.example"


# Python

WRITTEN = {"account", "accounts", "address", "domain", "names", "person", "provider", "who"}


def bare_values(source: str) -> set[str]:
    """Return what people wrote that ``source`` puts into a sentence by hand, as it stands."""
    tree = ast.parse(source)
    return {
        ast.unparse(value)
        for scope in ast.walk(tree)
        if isinstance(scope, ast.FunctionDef | ast.Module)
        for name, value in _put_in(scope)
        if name in WRITTEN and "isolated" not in ast.unparse(value)
    }


def _put_in(scope: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    kept = {
        getattr(node.targets[0], "id", ""): node.value
        for node in ast.walk(scope)
        if isinstance(node, ast.Assign)
    }
    for node in ast.walk(scope):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            yield from _of_dict(kept.get(getattr(node.right, "id", ""), node.right))
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "format":
            for given in node.keywords:
                yield given.arg or "", given.value
                yield from _of_dict(kept.get(getattr(given.value, "id", ""), given.value))


def _of_dict(value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(value, ast.Dict):
        for key, each in zip(value.keys, value.values, strict=True):
            yield str(getattr(key, "value", "")), each


def test_every_sentence_of_python_sets_each_name_apart() -> None:
    bare = {str(path): bare_values(path.read_text()) for path in modules()}
    assert {path: values for path, values in bare.items() if values} == {}


@pytest.mark.parametrize(
    ("source", "bare"),
    {
        'told = _("Welcome to %(account)s.") % {"account": found.account}': {"found.account"},
        'names = {"person": who.name}\ntold = text % names': {"who.name"},
        'told = text.format(person=str(person), until="")': {"str(person)"},
        'words = {"person": me}\ntold = text.format(**words)': {"me"},
        'told = filled(_("Welcome to %(account)s."), account=found.account)': set(),
        'told = text % {"who": isolated(who), "count": 3}': set(),
    }.items(),
)
def test_the_search_finds_values_as_they_stand(source: str, bare: set[str]) -> None:
    assert bare_values(source) == bare


def test_a_sentence_is_filled_with_names_that_turn_nothing_round() -> None:
    told = filled("%(account)s needs %(person)s.", account=ARABIC, person="Ada")
    assert told == f"\u2068{ARABIC}\u2069 needs Ada."
