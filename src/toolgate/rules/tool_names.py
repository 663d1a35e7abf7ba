"""Names of tools that are made from what others call a thing: an agent's skill, a method of a service."""

import hashlib
import re
from collections.abc import Container

LONGEST = 40

_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_OTHER = re.compile(r"[^a-z0-9]+")


def tool_name(foreign: str, taken: Container[str] = (), *, noun: str) -> str:
    """`[a-z][a-z0-9_]{0,39}`, the same for the same foreign name: `GetHTTPStatus` is `get_http_status`. `noun` is put
    before what would not begin with a letter. What had to be cut, or is taken, ends in a digest of the foreign name."""
    plain = _OTHER.sub("_", _WORD.sub("_", foreign[:400]).lower()).strip("_")
    if not plain or not plain[0].isalpha():
        plain = f"{noun}_{plain}".rstrip("_")
    if len(plain) > LONGEST or plain in taken:
        digest = hashlib.sha256(foreign.encode(errors="replace")).hexdigest()[:6]
        plain = f"{plain[: LONGEST - 7].rstrip('_')}_{digest}"
    return plain
