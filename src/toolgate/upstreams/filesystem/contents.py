"""What the bytes of a file are: an image, a sound, text in some encoding, or none of these. Told by the bytes alone;
only what is none of these has its type guessed from its name."""

import codecs
import mimetypes
from collections.abc import Callable
from functools import lru_cache

import msgspec

HEAD = 8192
"""Bytes from which the kind is told."""

ENCODINGS = (
    "utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "ascii", "latin-1", "windows-1250", "windows-1251",
    "windows-1252", "iso-8859-2", "iso-8859-15", "koi8-r", "shift_jis", "euc-jp", "gb18030", "big5", "euc-kr", "cp437",
    "cp850", "mac-roman",
)  # fmt: skip
"""Those that a caller may ask for."""

WIDE = ("utf-16", "utf-32")
"""In these a line does not end with one byte: files are decoded before they are cut into lines."""

UNKNOWN = "application/octet-stream"

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_TYPES = mimetypes.MimeTypes()
_TYPES.add_type("text/markdown", ".md")


class Kind(msgspec.Struct, frozen=True):
    """`mime` is set unless it is text; `encoding` only then."""

    mime: str | None = None
    encoding: str = ""

    @property
    def is_media(self) -> bool:
        return self.mime is not None and self.mime.startswith(("image/", "audio/"))


def kind(head: bytes, name: str) -> Kind:
    """From the first HEAD bytes. Text that has no mark is taken for UTF-8; whether it is, the reader finds out."""
    for bom, encoding in _BOMS:
        if head.startswith(bom):
            return Kind(encoding=encoding)
    if b"\0" in head or head[:1] >= b"\x80":
        mime = next((mime for mime, tells in _MAGIC if tells(head)), None)
        if mime is not None:
            return Kind(mime)
    if b"\0" in head or head.startswith(b"%PDF-"):
        return Kind(by_name(name))
    return Kind(encoding="utf-8")


@lru_cache(maxsize=4096)
def by_name(name: str) -> str:
    """The type that a name says, `application/octet-stream` where it says none."""
    return _TYPES.guess_type(name, strict=False)[0] or UNKNOWN


def text_type(name: str) -> str:
    """The type of a text file: what its name says, if that is a text's."""
    mime = by_name(name)
    textual = mime.startswith("text/") or mime.endswith(("+xml", "json", "/xml", "javascript", "yaml", "toml", "sql"))
    return mime if textual else "text/plain"


def _starts(*beginnings: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(beginnings)


def _box(*brands: bytes) -> Callable[[bytes], bool]:
    return lambda head: head[4:8] == b"ftyp" and head[8:12] in brands


def _riff(form: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(b"RIFF") and head[8:12] == form


_MAGIC: tuple[tuple[str, Callable[[bytes], bool]], ...] = (
    ("image/png", _starts(b"\x89PNG\r\n\x1a\n")),
    ("image/jpeg", _starts(b"\xff\xd8\xff")),
    ("image/gif", _starts(b"GIF87a", b"GIF89a")),
    ("image/webp", _riff(b"WEBP")),
    ("image/avif", _box(b"avif", b"avis")),
    ("image/heic", _box(b"heic", b"heix", b"mif1")),
    ("image/bmp", _starts(b"BM")),
    ("image/tiff", _starts(b"II*\0", b"MM\0*")),
    ("audio/wav", _riff(b"WAVE")),
    ("audio/flac", _starts(b"fLaC")),
    ("audio/ogg", _starts(b"OggS")),
    ("audio/mp4", _box(b"M4A ", b"M4B ")),
    ("audio/mpeg", _starts(b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2")),
    ("audio/aac", _starts(b"\xff\xf1", b"\xff\xf9")),
)
