"""Which format a document has, by its first bytes and what is in it; its name counts only for HTML.

A format's module is loaded when a document needs it: the libraries take longer to load than most documents to read.
"""

import importlib
from typing import BinaryIO

from toolgate.upstreams.filesystem.documents import archive
from toolgate.upstreams.filesystem.documents.parts import Contents, Unreadable

_HEAD = 1024
_OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MEMBERS = {
    "word/document.xml": ("docx", "word"),
    "xl/workbook.xml": ("xlsx", "sheets"),
    "ppt/presentation.xml": ("pptx", "slides"),
    "META-INF/container.xml": ("epub", "book"),
}
"""The member of an archive that shows its format, and the module that reads it."""


def opened(file: BinaryIO, name: str) -> tuple[str, Contents]:
    """The format's name and the contents. Raises Unreadable."""
    kind, module = _recognised(file, name)
    file.seek(0)
    return kind, importlib.import_module(f"{__package__}.{module}").opened(file)


def _recognised(file: BinaryIO, name: str) -> tuple[str, str]:
    """The format's name and module."""
    head = file.read(_HEAD)
    if b"%PDF-" in head:
        return "pdf", "pdf"
    if head.startswith(b"PK"):
        members = set(archive.opened(file).namelist())
        for member, found in _MEMBERS.items():
            if member in members:
                return found
        raise Unreadable("it is an archive, but no DOCX, XLSX, PPTX or EPUB")
    if head.startswith(_OLD_OFFICE):
        raise Unreadable("it is an office file of before 2007, or one with a password: save it as DOCX, XLSX or PPTX")
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if name.lower().endswith((".html", ".htm", ".xhtml")) or start.startswith((b"<!doctype html", b"<html")):
        return "html", "web"
    raise Unreadable("it is no PDF, DOCX, XLSX, PPTX, HTML or EPUB: read_file reads text")
