"""A page as a person sees it: its text, links and forms, read from the HTML that was served."""

import re
from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser
from typing import Any

UNSEEN = {"head", "script", "style", "svg"}
NO_VALUE = {"submit", "button", "image", "reset", "file"}
TICKED = {"checkbox", "radio"}


@dataclass
class Form:
    """What would be sent if its button were pressed, and which names it knows at all."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)


class _Reader(HTMLParser):
    """Collects what a person could read, follow or fill in."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.elements: list[tuple[str, dict[str, str], list[str]]] = []
        self._open: list[tuple[str, list[str]]] = []
        self._form: Form | None = None
        self._select = self._textarea = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        words: list[str] = []
        self.elements.append((tag, given, words))
        if tag == "form":
            self._form = Form(given.get("action", ""), given.get("method", "get").lower())
            self.forms.append(self._form)
        if self._form is not None:
            self._read_control(self._form, tag, given)
        if tag not in {"input", "meta", "link", "br", "path", "img"}:
            self._open.append((tag, words))

    def _read_control(self, form: Form, tag: str, given: dict[str, str]) -> None:
        name, kind = given.get("name", ""), given.get("type", "text")
        if tag in {"input", "select", "textarea", "button"} and name:
            form.names.add(name)
        if tag == "input" and name and kind not in NO_VALUE:
            if kind not in TICKED or "checked" in given:
                form.fields[name] = given.get("value", "on" if kind in TICKED else "")
        elif tag == "select":
            self._select = name
        elif tag == "textarea":
            self._textarea = name
            form.fields[name] = ""
        elif tag == "option" and ("selected" in given or self._select not in form.fields):
            form.fields[self._select] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = ""
        elif tag == "textarea":
            self._textarea = ""
        while self._open and any(opened == tag for opened, _ in self._open):
            if self._open.pop()[0] == tag:
                break

    def handle_data(self, data: str) -> None:
        if self._form is not None and self._textarea:
            self._form.fields[self._textarea] += data
        for _, words in self._open:
            words.append(data)
        if not UNSEEN & {tag for tag, _ in self._open}:
            self.words.append(data)


def squeezed(text: str) -> str:
    return " ".join(text.split())


class Page:
    """One answer of the server."""

    def __init__(self, response: Any) -> None:
        self.response = response
        self.status: int = response.status_code
        self.path: str = response.request["PATH_INFO"]
        self.html: str = response.content.decode()

    @cached_property
    def _read(self) -> _Reader:
        reader = _Reader()
        reader.feed(self.html)
        return reader

    @cached_property
    def text(self) -> str:
        """Everything to be read, in one line."""
        return squeezed(" ".join(self._read.words))

    @property
    def forms(self) -> list[Form]:
        return self._read.forms

    @cached_property
    def links(self) -> list[tuple[str, str]]:
        """Address and words of each link."""
        return [
            (given["href"], squeezed("".join(words)))
            for tag, given, words in self._read.elements
            if tag == "a" and "href" in given
        ]

    def link(self, words: str) -> str:
        """Return where the one link with these words leads."""
        found = {href for href, said in self.links if words in said}
        assert len(found) == 1, f"{len(found)} links say {words!r} on {self!r}"
        return found.pop()

    def by_class(self, name: str) -> list[str]:
        """Return what stands in each element of a class."""
        return [
            squeezed("".join(words))
            for _, given, words in self._read.elements
            if name in given.get("class", "").split()
        ]

    def attribute(self, identity: str, name: str) -> str:
        """Return an attribute of the element with this id."""
        return next(
            given[name] for _, given, _words in self._read.elements if given.get("id") == identity
        )

    @property
    def banner(self) -> str:
        """What the page says above all else; empty where it says nothing."""
        return " ".join(self.by_class("banner"))

    def form(self, action: str, names: set[str]) -> Form:
        """Return the first form that is sent to ``action`` and knows all of ``names``."""
        for found in self.forms:
            target = (found.action or self.path).partition("?")[0]
            if found.method == "post" and target == action and names <= found.names:
                return found
        raise AssertionError(f"{self!r} has no form for {action} with {sorted(names)}")

    def __repr__(self) -> str:
        return f"<{self.status} {self.path}: {re.sub(r'^.*?· Gatehouse', '', self.text)[:400]}>"
