"""PDF, page by page, by pypdf."""

import logging
from typing import BinaryIO

from pypdf import PdfReader
from pypdf.errors import PyPdfError

from toolgate.upstreams.filesystem.documents.parts import Contents, Unreadable

_NOT_ENCRYPTED = 0


def opened(file: BinaryIO) -> Contents:
    """Raises Unreadable. Text that is only a picture is not recognised."""
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = PdfReader(file)
        if reader.is_encrypted and reader.decrypt("") == _NOT_ENCRYPTED:
            raise Unreadable("it is protected by a password: save a copy without one")
        count = len(reader.pages)
    except PyPdfError as error:
        raise Unreadable(f"it is damaged: {error}") from None

    def read(number: int) -> tuple[str, str]:
        text = reader.pages[number - 1].extract_text()
        if text.strip():
            return "", text
        return "", "(no text on this page; what it shows, if anything, is a picture)"

    return Contents("page", count, read)
