"""Catalogues of everything that a person reads: `make catalogues` brings them up to date with the sources.

Collected are the texts of `t`, `tn` and `mark`, in Python and in templates, and the default texts of errors, which are
their docstrings. What is translated stays, what is new waits for its translation, what nobody says any more goes.
"""

import argparse
import ast
import io
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from jinja2.ext import babel_extract

from domain.locales import CATALOGUES, DEFAULT, DOMAIN, LOCALES

ROOT = CATALOGUES.parents[1]
ROOMS = ("bot", "db", "domain", "market", "notifications", "scheduler", "services", "web", "workers")
KEYWORDS = {"t": 1, "tn": 2, "mark": 1}
"""What says a text, and how many of its arguments are texts."""
TEMPLATES = ("notifications/templates/*.telegram.html", "web/templates/*.html")
SHOWN = {"UserError", "RetryLater", "GiveUp"}
"""The roots of the errors whose default text may reach a person."""
WIDTH = 120
HEADER = "# Openbell in {name}: `make catalogues` writes this file and keeps its translations."

Msgid = str | tuple[str, ...]


class Undated(Catalog):
    """A catalogue whose header says only what its readers need: no dates and no names, which would differ each time."""

    KEPT = ("Language", "Plural-Forms", "MIME-Version", "Content-Type", "Content-Transfer-Encoding")

    def _get_mime_headers(self) -> list[tuple[str, str]]:
        return [(name, value) for name, value in super()._get_mime_headers() if name in self.KEPT]

    mime_headers = property(_get_mime_headers, Catalog._set_mime_headers)


def path_of(locale: str, ending: str = "po") -> Path:
    """Where a language's catalogue is; that of the sources' own language lists what there is to translate."""
    return CATALOGUES / locale / "LC_MESSAGES" / f"{DOMAIN}.{ending}"


def collected() -> dict[Msgid, set[str]]:
    """Every text, and the files that say it."""
    found: dict[Msgid, set[str]] = {}
    for path, text in _texts():
        found.setdefault(text, set()).add(path.relative_to(ROOT).as_posix())
    return found


def sources() -> Iterator[Path]:
    """Every Python file that may say something to a person."""
    for room in ROOMS:
        yield from sorted((ROOT / room).rglob("*.py"))


def _texts() -> Iterator[tuple[Path, Msgid]]:
    trees = {path: ast.parse(path.read_bytes()) for path in sources()}
    errors = error_classes(trees.values())
    for path, tree in trees.items():
        names = KEYWORDS | ({"_": 1} if _renames_mark(tree) else {})
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and (text := _of_call(node, names)):
                yield path, text
            elif isinstance(node, ast.ClassDef) and node.name in errors and (said := default_text(node)):
                yield path, said
    for path in sorted(path for pattern in TEMPLATES for path in ROOT.glob(pattern)):
        yield from ((path, text) for text in _of_template(path))


def _of_call(node: ast.Call, names: Mapping[str, int]) -> Msgid | None:
    """The text that a call says, read from the tree: Babel's reader of Python misses those within f-strings."""
    count = names.get(node.func.id, 0) if isinstance(node.func, ast.Name) else 0
    texts = [each.value for each in node.args[:count] if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    return _plain(texts) if count and len(texts) == count else None


def _of_template(path: Path) -> Iterator[Msgid]:
    with path.open("rb") as file:
        for _, name, found, _ in babel_extract(file, tuple(KEYWORDS), (), {}):
            texts = [found] if isinstance(found, str) else [each for each in found or () if each is not None]
            yield _plain(texts[: KEYWORDS[name]])


def _plain(texts: list[str]) -> Msgid:
    return texts[0] if len(texts) == 1 else tuple(texts)


def _renames_mark(tree: ast.AST) -> bool:
    return any(
        isinstance(node, ast.ImportFrom) and any((each.name, each.asname) == ("mark", "_") for each in node.names)
        for node in ast.walk(tree)
    )


def error_classes(trees: Iterable[ast.Module]) -> set[str]:
    """The names of the classes whose docstring a person may read."""
    bases: dict[str, set[str]] = {}
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                bases.setdefault(node.name, set()).update(_name(base) for base in node.bases)
    found = set(SHOWN)
    while more := {name for name, known in bases.items() if known & found} - found:
        found |= more
    return found - SHOWN


def _name(base: ast.expr) -> str:
    return base.attr if isinstance(base, ast.Attribute) else base.id if isinstance(base, ast.Name) else ""


def default_text(node: ast.ClassDef) -> str:
    """The docstring of an error as it is said: in one line."""
    return " ".join((ast.get_docstring(node) or "").split())


def updated(locale: str, texts: dict[Msgid, set[str]]) -> Catalog:
    """A language's catalogue with exactly these texts and the translations it has."""
    known = _read(locale)
    fresh = Undated(locale, header_comment=HEADER.format(name=LOCALES[locale]), fuzzy=False)
    for text, files in texts.items():
        old = known.get(text if isinstance(text, str) else text[0])
        kept = old.string if old is not None and isinstance(old.string, str) == isinstance(text, str) else None
        fresh.add(text, kept or None, locations=[(name, 0) for name in sorted(files)])
    return fresh


def _read(locale: str) -> Catalog:
    path = path_of(locale)
    if not path.exists():
        return Catalog(locale)
    with path.open("rb") as file:
        return read_po(file, locale)


def as_po(catalogue: Catalog) -> bytes:
    """A catalogue as its source file has it."""
    out = io.BytesIO()
    write_po(out, catalogue, width=WIDTH, sort_output=True, include_lineno=False, ignore_obsolete=True)
    return out.getvalue()


def as_mo(catalogue: Catalog) -> bytes:
    """A catalogue as `gettext` reads it."""
    out = io.BytesIO()
    write_mo(out, catalogue)
    return out.getvalue()


def untranslated(catalogue: Catalog) -> list[str]:
    """The texts that have no translation yet, or not in every number."""
    return [str(each.id) for each in catalogue if each.id and not _is_whole(each.string)]


def _is_whole(string: Msgid | list[str] | None) -> bool:
    return bool(string) if isinstance(string, str) or string is None else all(string)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail where a catalogue is not current")
    only_checks = parser.parse_args().check
    texts, stale = collected(), []
    for locale in LOCALES:
        catalogue = updated(locale, texts)
        for path, content in ((path_of(locale), as_po(catalogue)), (path_of(locale, "mo"), as_mo(catalogue))):
            if path.exists() and path.read_bytes() == content:
                continue
            stale.append(path.relative_to(ROOT).as_posix())
            if not only_checks:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        left = [] if locale == DEFAULT else untranslated(catalogue)
        print(f"{locale}: {len(texts)} texts" + (f", {len(left)} wait for a translation" if left else ""))
    if only_checks and stale:
        print(f"Not current: {', '.join(stale)}. Run: make catalogues")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
