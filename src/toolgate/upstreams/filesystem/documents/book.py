"""EPUB, chapter by chapter in reading order: each is XHTML (EPUB 3.3, sections 4 and 5)."""

import posixpath
from typing import BinaryIO
from urllib.parse import unquote

from toolgate.upstreams.filesystem.documents import archive
from toolgate.upstreams.filesystem.documents.parts import Contents
from toolgate.upstreams.filesystem.documents.web import MOST_HTML, markdown

_CONTAINER = "META-INF/container.xml"
_XHTML = ("application/xhtml+xml", "text/html")
_OPF = "{http://www.idpf.org/2007/opf}"
_ROOTFILE = "{urn:oasis:names:tc:opendocument:xmlns:container}rootfile"


def opened(file: BinaryIO) -> Contents:
    """Raises Unreadable."""
    packed = archive.opened(file)
    rootfile = archive.xml(archive.member(packed, _CONTAINER), _CONTAINER).find(f".//{_ROOTFILE}")
    package = "" if rootfile is None else rootfile.get("full-path", "")
    root = archive.xml(archive.member(packed, package), package)
    items = {one.get("id"): one for one in root.iter(f"{_OPF}item") if one.get("media-type") in _XHTML}
    chapters = [
        posixpath.normpath(posixpath.join(posixpath.dirname(package), unquote(items[one].get("href", ""))))
        for one in (itemref.get("idref") for itemref in root.iter(f"{_OPF}itemref"))
        if one in items
    ]

    def read(number: int) -> tuple[str, str]:
        data = archive.member(packed, chapters[number - 1])
        if len(data) > MOST_HTML:
            return "", f"(this chapter is larger than {MOST_HTML:,} bytes)"
        return "", markdown(data) or "(no text in this chapter)"

    return Contents("chapter", len(chapters), read)
