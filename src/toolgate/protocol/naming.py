"""Public names: what offers of many servers are called on one endpoint (DESIGN section 7)."""

import hashlib
import re
from collections.abc import Container

SEPARATOR = "__"
MAX_NAME = 64
"""Longest tool name that every known host accepts."""

_ILLEGAL = re.compile(r"[^A-Za-z0-9_-]")


def prefixed(server: str, name: str, taken: Container[str] = ()) -> str:
    """`server__tool` in `[A-Za-z0-9_-]{1,64}`. What had to be changed or cut is replaced by a digest of the whole, so
    that the same pair has the same name for ever. A name in `taken` is never given: the digest then is another."""
    joined = f"{server}{SEPARATOR}{name}"
    clean = _ILLEGAL.sub("_", joined)
    if clean == joined and len(clean) <= MAX_NAME and clean not in taken:
        return clean
    whole = f"{server}\0{name}"
    while True:
        public = f"{clean[: MAX_NAME - 9]}_{hashlib.sha256(whole.encode()).hexdigest()[:8]}"
        if public not in taken:
            return public
        whole += "\0"


def distinct_uri(server: str, uri: str, *taken: Container[str]) -> str:
    """The URI of a resource whose own URI another server has taken on this endpoint; none of those in `taken`."""
    public = f"{server}+{uri}"
    while any(public in names for names in taken):
        public = f"{server}+{public}"
    return public
