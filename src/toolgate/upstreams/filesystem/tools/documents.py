"""Tools that read documents: the text of PDF, office files, HTML and EPUB, as Markdown."""

import re
from typing import Annotated

import msgspec

from toolgate.upstreams.filesystem.documents.calling import extract
from toolgate.upstreams.filesystem.documents.job import Job
from toolgate.upstreams.filesystem.documents.parts import Document, Unreadable
from toolgate.upstreams.filesystem.failures import Failure, of_error
from toolgate.upstreams.filesystem.tools.reading import Path
from toolgate.upstreams.filesystem.tools.tool import Answer, Desk, Tool, said
from toolgate.upstreams.filesystem.workers import Pulse

_RANGE = re.compile(r"(\d{1,6})(?:\s*(-)\s*(\d{1,6})?)?")


class ReadDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of read_document."""

    path: Path
    pages: (
        Annotated[
            str,
            msgspec.Meta(
                description="Which pages (slides, sheets, chapters), from 1: `3`, `3-5`, or `3-` for all from there.",
                examples=["3-5"],
            ),
        ]
        | None
    ) = None


def _read_document(desk: Desk, asked: ReadDocument, pulse: Pulse) -> Answer:
    first, last = _pages(asked.pages)
    settings = desk.settings
    place = desk.places.read(asked.path)
    with desk.files.reading(place) as opened:
        size = opened.found.st_size
        if size > settings.max_document:
            raise Failure(
                f"`{place.shown}` has {size:,} bytes; documents of at most {settings.max_document:,} are read"
            )
        job = Job(
            opened.place.name, first, last, settings.max_read, settings.document_memory, settings.document_seconds
        )
        try:
            document = extract(opened.descriptor, job, pulse)
        except Unreadable as error:
            raise Failure(f"`{place.shown}` cannot be read: {error}") from None
        except OSError as error:
            raise of_error(error, place.shown) from error
    return Answer([said(_text(document, last))])


def _pages(text: str | None) -> tuple[int, int | None]:
    """First and last; the last None means the end."""
    if text is None or not text.strip():
        return 1, None
    found = _RANGE.fullmatch(text.strip())
    if found is None:
        raise Failure(f"`pages` is a number or a range as `3`, `3-5` or `3-`, and not {text[:40]!r}")
    first = int(found[1])
    last = first if found[2] is None else None if found[3] is None else int(found[3])
    if first < 1 or (last is not None and last < first):
        raise Failure(f"`pages` counts from 1 and goes upwards, and this is {text[:40]!r}")
    return first, last


def _text(document: Document, last: int | None) -> str:
    """Each part under a line that says which it is; where text is missing, how to go on."""
    unit, count = document.unit, document.count
    lines: list[str] = []
    for part in document.parts:
        title = f": {part.title}" if part.title else ""
        lines += [f"--- {unit} {part.number} of {count}{title} ---", part.text]
    if not document.parts:
        lines.append(f"(a document without {unit}s)")
    elif document.cut:
        end = document.parts[-1].number
        more = "" if end == (last or count) else f"; the rest follows with `pages` from {end + 1} on"
        lines.append(f"--- cut in or after {unit} {end}, because the text is too long{more} ---")
    return "\n\n".join(lines)


TOOLS = (
    Tool(
        "read_document",
        "Read a document",
        "The text of a PDF, DOCX, XLSX, PPTX, HTML or EPUB file as Markdown, whole or by `pages`: pages of a PDF, "
        "slides, sheets, chapters of a book, sections of other text. Pictures are not read.",
        ReadDocument,
        _read_document,
        long=True,
    ),
)
