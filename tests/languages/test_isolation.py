"""A name from right to left turns nothing round: each page sets names apart (accounts.calling)."""

import re

import pytest
from django.template import Context, Template

from tests.languages.test_sources import name_of, pages

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
