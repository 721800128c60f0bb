"""`make messages`: what there is to translate, gathered from the sources and compiled.

Each folder of words has one file per language: those of an app lie in the app, those of pages and
of mails beside their templates. Sources win: a text that is gone leaves the file, a new one comes
in untranslated. What is compiled is kept with the sources, so that nothing must be at run time.

    make messages               # every language
    make messages ARGS="de"     # one
"""

import ast
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = ("de", "fr")
APPS = ("accounts", "twofactor", "enforcement")
PAGES, MAILS = "templates", "templates/parts/mail"
FOLDERS = (*APPS, PAGES, MAILS)

# Kept constant, or each run would change every file.
WRITTEN_AT = datetime(2026, 1, 1, tzinfo=UTC)
LAZY = {f"{name}_lazy": DEFAULT_KEYWORDS[name] for name in DEFAULT_KEYWORDS if name != "_"}
KEYWORDS = {**DEFAULT_KEYWORDS, **LAZY, "gettext_lazy": None, "gettext_noop": None}
LITERAL = r"""u?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
CALL = re.compile(rf"\b(_|n?p?gettext)\(\s*({LITERAL}(?:\s*,\s*{LITERAL})*)")
CONTEXT = "p"

Text = str | tuple[str, ...] | list[str]


def sources(folder: str) -> list[Path]:
    """Return the files whose texts are translated in ``folder``."""
    if folder in APPS:
        return sorted((ROOT / folder).rglob("*.py"))
    found = [path for path in sorted((ROOT / PAGES).rglob("*")) if path.suffix in {".html", ".txt"}]
    return [path for path in found if is_mail(path) is (folder == MAILS)]


def is_mail(path: Path) -> bool:
    return "mail" in path.relative_to(ROOT / PAGES).parts[:-1]


def texts_of(path: Path) -> Iterator[tuple[Text, str | None]]:
    """Yield what ``path`` has translated: a text, or singular and plural; and its context."""
    if path.suffix == ".py":
        with path.open("rb") as file:
            for _, text, _, context in extract("python", file, KEYWORDS):
                yield text, context
    else:
        yield from _texts_of_template(path.read_text())


def _texts_of_template(source: str) -> Iterator[tuple[Text, str | None]]:
    """Django turns a template into calls of gettext for us; a context is their first argument."""
    for call in CALL.finditer(templatize(source)):
        given = ast.literal_eval(f"({call[2]},)")
        context = given[0] if CONTEXT in call[1] else None
        texts = given[1:] if context else given
        yield texts if len(texts) > 1 else texts[0], context


def extracted(folder: str) -> Catalog:
    """Return what is to be translated in ``folder``, from the sources as they are."""
    catalog = Catalog()
    for path in sources(folder):
        for text, context in texts_of(path):
            catalog.add(text, locations=[(str(path.relative_to(ROOT)), 1)], context=context)
    return catalog


def po_file(folder: str, language: str) -> Path:
    return ROOT / folder / "locale" / language / "LC_MESSAGES" / "django.po"


def read(folder: str, language: str) -> Catalog:
    path = po_file(folder, language)
    text = path.read_bytes() if path.exists() else b""
    catalog = read_po(BytesIO(text), locale=language)
    catalog.project, catalog.version = "Gatehouse", ""
    catalog.header_comment = f"# The words of {folder}/ in the language {language!r}."
    catalog.creation_date = catalog.revision_date = WRITTEN_AT
    catalog.last_translator = catalog.language_team = catalog.msgid_bugs_address = ""
    catalog.fuzzy = False
    return catalog


def updated(folder: str, language: str) -> Catalog:
    """Return the translations with exactly the texts that the sources have now."""
    catalog = read(folder, language)
    catalog.update(extracted(folder), no_fuzzy_matching=True, update_creation_date=False)
    catalog.obsolete.clear()
    return catalog


def as_po(catalog: Catalog) -> bytes:
    written = BytesIO()
    write_po(written, catalog, width=100, include_lineno=False, sort_by_file=True)
    return written.getvalue()


def as_mo(catalog: Catalog) -> bytes:
    written = BytesIO()
    write_mo(written, catalog)
    return written.getvalue()


def is_done(string: Text | None) -> bool:
    return bool(string) if string is None or isinstance(string, str) else all(string)


def missing(catalog: Catalog) -> list[Text]:
    """Return what has no translation, or one that nobody has looked at since it changed."""
    return [each.id for each in catalog if each.id and (each.fuzzy or not is_done(each.string))]


def main(languages: list[str]) -> None:
    for language in languages or LANGUAGES:
        for folder in FOLDERS:
            catalog, path = updated(folder, language), po_file(folder, language)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(as_po(catalog))
            path.with_suffix(".mo").write_bytes(as_mo(catalog))
            print(f"{language} {folder}: {len(catalog)} texts, {len(missing(catalog))} to do")


if __name__ == "__main__":
    main(sys.argv[1:])
