"""Collects real text that is on the machine anyway: paragraphs of documentation.

Sources: Markdown and JSDoc comments in node_modules, docstrings and the language reference of
Python's standard library, docstrings of the packages in this environment, /usr/share/doc. The
order is that of the texts' hashes: random in kind, and the first N stay the same from run to run.
"""

import hashlib
import re
import sysconfig
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

LENGTH_MIN = 80
LENGTH_MAX = 800
_FILE_BYTES_MAX = 4_000_000

_NOT_PROSE = ("|", ">>>", "+-", "$ ", "import ", "from ", "const ", "let ", "var ", "{")

_TAGS = {
    "async": r"\b(async|await|promise|coroutine|event loop|thread)",
    "text": r"\b(string|character|unicode|regex|regular expression|encoding)",
    "files": r"\b(file|directory|path|folder)\b",
    "network": r"\b(http|socket|url|server|request|network)",
    "numbers": r"\b(integer|float|matrix|array|number|arithmetic)",
    "dates": r"\b(date|time zone|datetime|calendar|timestamp)",
    "errors": r"\b(error|exception|raise|throw|fail)",
    "types": r"\b(type|class|interface|generic)\b",
    "testing": r"\b(test|assert|mock)",
    "vectors": r"\b(vector|embedding|collection|quantization)",
}
_TAG_PATTERNS = {tag: re.compile(pattern, re.IGNORECASE) for tag, pattern in _TAGS.items()}
_MARKUP = re.compile(r"<[^>\n]{1,200}>|\*\*")
_LINK = re.compile(r"\[([^\]\n]{1,200})\] ?(?:\([^)\s]{1,300}\)|\[[^\]\n]{0,100}\])")
_DOCSTRING = re.compile(
    r'^[ \t]*[rRuU]?"""(.*?)"""|\bdescription="((?:[^"\\\n]|\\.)+)"', re.DOTALL | re.MULTILINE
)
_CODE = re.compile(r"`|\w\(\)|->|=>|::")


def collect(root: Path, point_count: int) -> list[dict]:
    """At most `point_count` distinct paragraphs with their payload, in a repeatable order."""
    found: dict[bytes, dict] = {}
    for text, payload in _all_paragraphs(root):
        # Texts that differ in numbers or punctuation only are one.
        letters = re.sub(r"[^a-z]+", " ", text.lower())
        key = hashlib.sha1(letters.encode()).digest()
        if key not in found:
            found[key] = _with_facts(text, payload)
    return [found[key] for key in sorted(found)[:point_count]]


def _with_facts(text: str, payload: dict) -> dict:
    return {
        "text": text,
        **payload,
        "length": len(text),
        "has_code": _CODE.search(text) is not None,
        "tags": [tag for tag, pattern in _TAG_PATTERNS.items() if pattern.search(text)],
    }


def _all_paragraphs(root: Path) -> Iterator[tuple[str, dict]]:
    modules = root / "node_modules"
    standard = Path(sysconfig.get_path("stdlib"))
    installed = Path(sysconfig.get_path("purelib"))
    yield from _markdown(modules, "javascript")
    yield from _jsdoc(modules)
    yield from _docstrings(standard, lambda path: "python-" + path.parts[0].removesuffix(".py"))
    yield from _docstrings(installed, lambda path: path.parts[0].removesuffix(".py"))
    yield from _reference(standard)
    yield from _markdown(Path("/usr/share/doc"), "any")


def _markdown(folder: Path, language: str) -> Iterator[tuple[str, dict]]:
    for path in _files(folder, {".md", ".markdown", ".rst"}):
        package = _node_package(path.relative_to(folder))
        text = re.sub(r"^(```|~~~).*?^\1", "", _read(path), flags=re.DOTALL | re.MULTILINE)
        kind = "changelog" if "change" in path.name.lower() else "markdown"
        yield from _paragraphs(text, _about(path, package, kind, language))


def _jsdoc(folder: Path) -> Iterator[tuple[str, dict]]:
    for path in _files(folder, {".ts", ".mts", ".cts", ".js", ".mjs", ".cjs"}):
        if path.name.endswith(".min.js"):
            continue
        package = _node_package(path.relative_to(folder))
        language = "typescript" if path.suffix.endswith("ts") else "javascript"
        about = _about(path, package, "jsdoc", language)
        comments = re.findall(r"/\*\*\s(.*?)\*/", _read(path), flags=re.DOTALL)
        text = "\n\n".join(
            re.sub(r"^\s*\*? ?(@\w+ )?", _jsdoc_line_start, comment, flags=re.MULTILINE)
            for comment in comments
        )
        yield from _paragraphs(text, about)


def _jsdoc_line_start(match: re.Match) -> str:
    """A tag such as `@param` begins a paragraph of its own."""
    return "" if match[1] is None else "\n\n"


def _docstrings(folder: Path, name_package) -> Iterator[tuple[str, dict]]:
    """Strings in triple quotes that begin a line, and descriptions of models' fields. Parsing the
    files would be more exact and takes ten times as long."""
    for path in _files(folder, {".py", ".pyi"}):
        inside = path.relative_to(folder)
        if {"site-packages", "dist-packages", "test", "tests"} & set(inside.parts):
            continue
        about = _about(path, name_package(inside), "docstring", "python")
        for match in _DOCSTRING.finditer(_read(path)):
            yield from _paragraphs(match[1] or match[2] or "", about)


def _reference(standard: Path) -> Iterator[tuple[str, dict]]:
    """The Python language reference, which the interpreter's `help` carries as one module."""
    path = standard / "pydoc_data" / "topics.py"
    if not path.exists():
        return
    from pydoc_data.topics import topics

    about = _about(path, "python-reference", "reference", "python")
    for text in topics.values():
        yield from _paragraphs(text, about)


def _paragraphs(text: str, about: dict) -> Iterator[tuple[str, dict]]:
    position = 0
    for block in re.split(r"\n\s*\n", text):
        plain = _LINK.sub(r"\1", _MARKUP.sub(" ", block))
        paragraph = re.sub(r"\s+", " ", plain).strip(" *#-")
        if _is_prose(paragraph, block):
            yield paragraph, {**about, "position": position}
            position += 1


def _is_prose(paragraph: str, block: str) -> bool:
    """Not a table, a listing, an example session or a wall of links and names."""
    if not LENGTH_MIN <= len(paragraph) <= LENGTH_MAX:
        return False
    if block.lstrip().startswith(_NOT_PROSE) or paragraph.count(";") >= 2:
        return False
    words = re.findall(r"[A-Za-z][a-z']+", paragraph)
    letters = sum(map(len, words)) + paragraph.count(" ")
    return len(words) >= 10 and letters >= 0.75 * len(paragraph)


def _about(path: Path, package: str, kind: str, language: str) -> dict:
    modified = datetime.fromtimestamp(int(path.stat().st_mtime), timezone.utc)
    return {
        "package": package,
        "kind": kind,
        "language": language,
        "path": "/".join(path.parts[-4:]),
        "modified": modified.isoformat().replace("+00:00", "Z"),
    }


def _node_package(inside: Path) -> str:
    parts = inside.parts
    if len(parts) == 1:
        return parts[0]
    return "/".join(parts[:2]) if parts[0].startswith("@") else parts[0]


def _files(folder: Path, suffixes: set[str]) -> Iterator[Path]:
    if not folder.is_dir():
        return
    for path in sorted(folder.rglob("*")):
        if path.suffix in suffixes and path.is_file() and path.stat().st_size <= _FILE_BYTES_MAX:
            yield path


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
