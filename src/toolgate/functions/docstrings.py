"""What a docstring says of a function and of its parameters, in the styles of Google, NumPy and reST."""

import inspect
import re
from collections.abc import Iterator

import msgspec

_SECTIONS = "args|arguments|parameters|params|other parameters|keyword args|keyword arguments"
_CUT = "raises|except|exceptions|warns|attributes|see also|references|todo"
_GOOGLE = re.compile(
    rf"(?P<parameters>{_SECTIONS})|(?P<cut>{_CUT})|(?:returns?|yields?|examples?|notes?|warnings?)", re.IGNORECASE
)
_ITEM = re.compile(r"\*{0,2}(?P<name>\w+)\s*(?:\([^)]*\)|\[[^\]]*\])?\s*:(?!:)\s*(?P<text>.*)")
_NUMPY = re.compile(r"\*{0,2}(?P<names>\w+(?:\s*,\s*\*{0,2}\w+)*)\s*(?::.*)?")
_FIELD = re.compile(r":(?P<what>[a-z]+)(?P<words>[^:]*):\s*(?P<text>.*)")


class Docstring(msgspec.Struct, frozen=True):
    """`description` is all but the sections about parameters and errors; `parameters` are descriptions by name."""

    description: str
    parameters: dict[str, str]


def read(text: str | None) -> Docstring:
    """Never fails: what it does not understand is part of the description."""
    lines = inspect.cleandoc(text or "").splitlines()
    kept: list[str] = []
    parameters: dict[str, str] = {}
    for kind, part in _parts(lines):
        if kind == "text":
            kept.extend(part)
        elif kind == "google":
            parameters.update(_google(part))
        elif kind == "numpy":
            parameters.update(_numpy(part))
        elif kind == "field":
            parameters.update(_field(part))
    description = re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()
    return Docstring(description, {name: said for name, said in parameters.items() if said})


def _parts(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Runs of lines with what they are: `text`, a section of parameters (`google`, `numpy`, `field`), or `cut`."""
    at = 0
    while at < len(lines):
        line = lines[at]
        after = lines[at + 1].strip() if at + 1 < len(lines) else ""
        heading = _GOOGLE.fullmatch(line.rstrip(" :"))
        if heading and after and set(after) == {"-"}:
            end = next((place for place in range(at + 2, len(lines)) if _is_underlined(lines, place)), len(lines))
            kind = "numpy" if heading["parameters"] else "cut" if heading["cut"] else "text"
            yield kind, lines[at + 2 : end] if kind != "text" else [f"{line}:", *lines[at + 2 : end]]
        elif heading and line.endswith(":") and (heading["parameters"] or heading["cut"]):
            end = next((place for place in range(at + 1, len(lines)) if _is_flush(lines[place])), len(lines))
            yield "google" if heading["parameters"] else "cut", lines[at + 1 : end]
        elif _FIELD.fullmatch(line):
            end = next((place for place in range(at + 1, len(lines)) if not lines[place][:1].isspace()), len(lines))
            yield "field", lines[at:end]
        else:
            end = at + 1
            yield "text", [line]
        at = end


def _is_underlined(lines: list[str], at: int) -> bool:
    """Whether a section of NumPy's style begins here."""
    after = lines[at + 1].strip() if at + 1 < len(lines) else ""
    return bool(_is_flush(lines[at]) and after and set(after) == {"-"})


def _is_flush(line: str) -> bool:
    return bool(line) and not line[0].isspace()


def _google(lines: list[str]) -> Iterator[tuple[str, str]]:
    found: tuple[str, list[str]] | None = None
    deep = min((_indent(line) for line in lines if line.strip()), default=0)
    for line in lines:
        item = _ITEM.fullmatch(line.strip()) if _indent(line) == deep else None
        if item:
            if found:
                yield found[0], _joined(found[1])
            found = (item["name"], [item["text"]])
        elif found:
            found[1].append(line.strip())
    if found:
        yield found[0], _joined(found[1])


def _numpy(lines: list[str]) -> Iterator[tuple[str, str]]:
    names: list[str] = []
    said: list[str] = []
    for line in [*lines, ""]:
        item = _NUMPY.fullmatch(line) if _is_flush(line) else None
        if item:
            yield from ((name, _joined(said)) for name in names)
            names, said = re.findall(r"\w+", item["names"]), []
        else:
            said.append(line.strip())
    yield from ((name, _joined(said)) for name in names)


def _field(lines: list[str]) -> Iterator[tuple[str, str]]:
    field = _FIELD.fullmatch(lines[0])
    assert field is not None
    words = field["words"].split()
    if field["what"] in ("param", "parameter", "arg", "argument", "key", "keyword") and words:
        yield words[-1].lstrip("*"), _joined([field["text"], *lines[1:]])


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _joined(lines: list[str]) -> str:
    return " ".join(line.strip() for line in lines if line.strip())
