"""DOCX, by mammoth, which knows headings, lists, tables and links."""

from io import BytesIO
from typing import Any, BinaryIO, cast
from zipfile import BadZipFile

import mammoth  # pyright: ignore[reportMissingTypeStubs]

from toolgate.upstreams.filesystem.documents import archive
from toolgate.upstreams.filesystem.documents.parts import Contents, Unreadable, of_text
from toolgate.upstreams.filesystem.documents.web import markdown

_library = cast(Any, mammoth)


def _without(image: object) -> list[Any]:
    return []


def opened(file: BinaryIO) -> Contents:
    """Raises Unreadable. Pictures are left out."""
    archive.refuse_definitions(archive.opened(file))
    file.seek(0)
    unnamed = BytesIO(file.read())  # mammoth looks for pictures beside a file that has a name
    try:
        html = _library.convert_to_html(unnamed, convert_image=_without).value
    except (BadZipFile, KeyError, OSError, ValueError) as error:
        raise Unreadable(f"it is damaged: {error}") from None
    return of_text(markdown(html))
