"""What a document consists of: numbered parts, each with its text as Markdown."""

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

import msgspec

Unit = Literal["page", "slide", "sheet", "chapter", "section"]

SECTION = 8_000
"""Characters from which text without pages is cut into the next section."""


class Unreadable(Exception):
    """The document cannot be read; the message says why, and the next step."""


class Part(msgspec.Struct, frozen=True):
    """One page, slide, sheet, chapter or section. `number` counts from 1."""

    number: int
    title: str
    text: str


class Document(msgspec.Struct, frozen=True):
    """The parts that were asked for, of `count`. `cut` says that the text was longer than it may be: the last part ends
    early, or parts are missing."""

    format: str
    unit: Unit
    count: int
    parts: list[Part]
    cut: bool = False


class Contents(msgspec.Struct, frozen=True):
    """An opened document: how many parts it has, and how each is read. `read` takes a number from 1 and gives title and
    text."""

    unit: Unit
    count: int
    read: Callable[[int], tuple[str, str]]


def sections(markdown: str) -> list[str]:
    """Text without pages, cut before a heading or a paragraph so that no section is much longer than SECTION."""
    found: list[str] = []
    held: list[str] = []
    size = 0
    for block in _blocks(markdown):
        if held and (size + len(block) > SECTION or (block.startswith("#") and size > SECTION // 2)):
            found.append("\n\n".join(held))
            held, size = [], 0
        held.append(block)
        size += len(block)
    return [*found, "\n\n".join(held)]


def of_text(markdown: str) -> Contents:
    """The contents of a document that knows no pages."""
    cut = sections(markdown)
    return Contents("section", len(cut), lambda number: ("", cut[number - 1]))


def table(rows: Iterable[Iterable[str]]) -> str:
    """Rows as a Markdown table whose first row is its head. Empty without rows."""
    lines = ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    if not lines:
        return ""
    columns = lines[0].count(" | ") + 1
    return "\n".join([lines[0], "|" + " --- |" * columns, *lines[1:]])


def _cell(value: str) -> str:
    return value.replace("\\", "\\\\").replace("|", "\\|").replace("\r", "").replace("\n", "<br>")


def _blocks(markdown: str) -> Iterator[str]:
    """Its paragraphs; one that is longer than a section is cut at lines."""
    for block in markdown.split("\n\n"):
        text = block.strip("\n")
        while len(text) > SECTION:
            at = text.rfind("\n", 1, SECTION)
            at = SECTION if at < 0 else at
            yield text[:at]
            text = text[at:].lstrip("\n")
        if text:
            yield text
