"""What the tour reads and presses in English, in the language that its people's pages have."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property

from django.utils.translation import trans_real

PLACE = re.compile(r"%\((\w+)\)[sd]|\{([a-z_]\w*)\}|%[sd]")
CONTEXT = "\x04"


@dataclass(frozen=True)
class Speech:
    """``says`` and ``reads`` give patterns: one English word can be several in a language."""

    language: str = "en"

    @cached_property
    def _sentences(self) -> list[tuple[str, str]]:
        """Return each sentence of the product, in English and in this language."""
        spoken = trans_real.translation(self.language)._catalog  # type: ignore[attr-defined]
        keys = [(key[0] if isinstance(key, tuple) else key, text) for key, text in spoken.items()]
        pairs = [(key.rpartition(CONTEXT)[2], text) for key, text in keys]
        return [(" ".join(key.split()), " ".join(text.split())) for key, text in pairs]

    def says(self, words: str) -> re.Pattern[str]:
        """Return what a button or a link says, all of it, that says ``words`` in English."""
        ways = {words}
        if self.language != "en":
            begun = words.removesuffix("…")
            ways |= {*self._whole(words), *(f"{way}…" for way in self._whole(begun))}
        return re.compile(rf"^\s*({'|'.join(map(_loose, sorted(ways)))})\s*$")

    def reads(self, words: str) -> re.Pattern[str]:
        """Return what a text says, in part, that has ``words`` in English."""
        ways = {words}
        if words and self.language != "en":
            ways |= {*self._whole(words), *self._parts(words)}
        return re.compile("|".join(map(_loose, sorted(ways))), re.IGNORECASE)

    def _whole(self, words: str) -> Iterator[str]:
        """Yield each translation of the sentence ``words``, with the names that stand in it."""
        for english, spoken in self._sentences:
            found = _filled(english).fullmatch(words) if PLACE.sub("", english).strip() else None
            if found and spoken:
                values = found.groupdict()
                yield PLACE.sub(lambda at, of=values: of.get(_name(at), ""), spoken)  # type: ignore[misc]

    def _parts(self, words: str) -> Iterator[str]:
        """Yield the longest piece between values of each sentence in which ``words`` stand."""
        for english, spoken in self._sentences:
            if words.lower() in english.lower():
                longest = max(re.split(r"%\(\w+\)[sd]|\{\w+\}|%[sd]|<[^>]+>", spoken), key=len)
                if longest.strip():
                    yield longest.strip()


def _name(place: re.Match[str]) -> str:
    return place[1] or place[2] or "value"


@cache
def _filled(english: str) -> re.Pattern[str]:
    """Return what a sentence matches whatever its values are."""
    pattern, end, known = "", 0, set()
    for place in PLACE.finditer(english):
        name = _name(place)
        pattern += re.escape(english[end : place.start()])
        pattern += f"(?P={name})" if name in known else f"(?P<{name}>.+)"
        known.add(name)
        end = place.end()
    return re.compile(pattern + re.escape(english[end:]))


def _loose(words: str) -> str:
    """Return a pattern for ``words`` that minds no line ends, and that a browser reads too."""
    return r"\s+".join(re.escape(word).replace("/", ".") for word in words.split())
