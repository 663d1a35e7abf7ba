"""PPTX, slide by slide: the text of shapes and tables and the speaker's notes, in reading order (ECMA-376)."""

from collections.abc import Iterator
from typing import BinaryIO
from xml.etree.ElementTree import Element

from toolgate.upstreams.filesystem.documents import archive
from toolgate.upstreams.filesystem.documents.parts import Contents, table

_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_PRESENTATION = "ppt/presentation.xml"
_TITLES = ("title", "ctrTitle")


def opened(file: BinaryIO) -> Contents:
    """Raises Unreadable."""
    packed = archive.opened(file)
    related = archive.relations(packed, _PRESENTATION)
    listed = archive.xml(archive.member(packed, _PRESENTATION), _PRESENTATION).iter(f"{_P}sldId")
    slides = [related[one] for one in (slide.get(f"{_R}id", "") for slide in listed) if one in related]

    def read(number: int) -> tuple[str, str]:
        name = slides[number - 1]
        title, blocks = _slide(archive.xml(archive.member(packed, name), name))
        for other in archive.relations(packed, name).values():
            if other.startswith("ppt/notesSlides/"):
                _, notes = _slide(archive.xml(archive.member(packed, other), other))
                blocks += [f"> {line}" for line in "\n".join(notes).splitlines()]
        return title, "\n\n".join(blocks) or "(no text on this slide)"

    return Contents("slide", len(slides), read)


def _slide(root: Element) -> tuple[str, list[str]]:
    """Its title, and everything else that it says, in reading order."""
    title, blocks = "", list[str]()
    for shape in root.iter():
        if shape.tag == f"{_P}sp":
            kind = shape.find(f".//{_P}nvPr/{_P}ph")
            what = "" if kind is None else kind.get("type", "")
            if what in ("sldNum", "sldImg", "ftr", "dt", "hdr"):
                continue
            text = "\n".join(_paragraphs(shape))
            if what in _TITLES and not title:
                title = " ".join(text.split())
            elif text.strip():
                blocks.append(text)
        elif shape.tag == f"{_A}tbl":
            rows = ([" ".join(_paragraphs(cell)) for cell in row.iter(f"{_A}tc")] for row in shape.iter(f"{_A}tr"))
            blocks.append(table(rows))
    return title, blocks


def _paragraphs(shape: Element) -> Iterator[str]:
    for paragraph in shape.iter(f"{_A}p"):
        level = paragraph.find(f"{_A}pPr")
        indent = "" if level is None else "  " * min(9, int(level.get("lvl", "0") or 0))
        text = "".join(_runs(paragraph))
        if text.strip():
            yield f"{indent}- {text}" if indent else text


def _runs(paragraph: Element) -> Iterator[str]:
    for one in paragraph.iter():
        if one.tag == f"{_A}t":
            yield one.text or ""
        elif one.tag == f"{_A}br":
            yield "\n"
