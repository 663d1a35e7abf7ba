"""What text loses before it enters a log: secrets, and characters that forge lines or steer terminals.

Nothing should put a secret into a log in the first place; this is the net below. It knows two shapes: Toolgate's own
keys (`rules.keys`; the public key id stays, so that one can tell which key leaked) and bearer tokens (RFC 6750 section
2.1).
"""

import re

_KEY = r"(tg_[0-9A-Za-z]{1,16}_)[0-9A-Za-z]{16,}(?:_[0-9A-Za-z]*)?"
"""Also cut or mistyped keys. The secret's length keeps names such as `tg_send_message` readable."""

_BEARER = (
    r"((?i:bearer)(?:[ \t]|\\t|%20)+(?:tg_[0-9A-Za-z]{1,16}_)?)"
    r"(?=[\w.~+/=-][a-z.]*[0-9A-Z_~+/=-]|[a-z.]{20})[A-Za-z0-9._~+/=-]+"
)
"""A scheme and a token; a plain word after it, as in "bearer authentication", is no token."""

_SECRET = re.compile(f"{_KEY}|{_BEARER}")
_SECRET_BYTES = re.compile(_SECRET.pattern.encode())

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""C0, DEL, C1, line and paragraph separators, bidirectional controls, lone surrogates."""

_UNPRINTABLE_UTF8 = re.compile(rb"\x7f|\xc2[\x80-\x9f]|\xe2\x80[\x8e\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]")
"""The same in UTF-8, without what a JSON encoder has escaped or refused already."""


def redacted(text: str) -> str:
    """The text with `***` where a secret stood."""
    return _SECRET.sub(_mask, text)


def printable(text: str) -> str:
    """The text with every unprintable character escaped as in a Python literal: what is left is one line."""
    return text if text.isascii() and text.isprintable() else _UNPRINTABLE.sub(_escape, text)


def safe_json(encoded: bytes) -> bytes:
    """JSON in UTF-8, one value or several, redacted and without raw unprintable characters; otherwise the same JSON.

    JSON encoders escape only U+0000 to U+001F, and some readers of lines end one at U+0085 or U+2028 too.
    """
    if not encoded.isascii() or b"\x7f" in encoded:
        encoded = _UNPRINTABLE_UTF8.sub(_escape_json, encoded)
    if b"tg_" in encoded or b"bearer" in encoded.lower():
        encoded = _SECRET_BYTES.sub(_mask_bytes, encoded)
    return encoded


def _mask(found: re.Match[str]) -> str:
    return f"{found[1] or found[2]}***"


def _mask_bytes(found: re.Match[bytes]) -> bytes:
    return (found[1] or found[2]) + b"***"


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


def _escape_json(found: re.Match[bytes]) -> bytes:
    return b"\\u%04x" % ord(found[0].decode())
