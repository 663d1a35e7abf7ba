"""Recognises secrets that stand in plain text where only a reference may: by the name they are given, by their shape,
and inside URLs. Errs towards silence for texts in general and towards refusal for names that say what they are."""

import re
from urllib.parse import parse_qsl, urlsplit

from toolgate.rules import references

_DOCUMENTS = frozenset({("connector", "definition")})
"""Settings, by kind, that hold a whole document: nothing in it is resolved, and templates stand where secrets are put
in."""

_SECRET_NAME = re.compile(
    r"(?:^|[_.-])(?:authorization|cookie|token|secret|password|passwd|passphrase|pat|credentials?"
    r"|(?:api|app|access|account|auth|encryption|functions?|license|master|private|secret|service|signing"
    r"|subscription)[_-]?key)$",
    re.IGNORECASE,
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# The published prefixes of widely used tokens, and the first bytes of a JSON Web Token.
_SHAPES = re.compile(
    r"(?:^|[\s=:,\"'])(?:gh[pousr]_[0-9A-Za-z]{20}|github_pat_[0-9A-Za-z_]{20}|glpat-[0-9A-Za-z_-]{16}"
    r"|xox[abposr]-[0-9A-Za-z-]{10}|sk-[0-9A-Za-z_-]{20}|sk_live_[0-9A-Za-z]{16}|AKIA[0-9A-Z]{16}"
    r"|AIza[0-9A-Za-z_-]{30}|npm_[0-9A-Za-z]{30}|tg_[0-9A-Za-z]{7}_[0-9A-Za-z]{43}"
    r"|eyJ[0-9A-Za-z_-]{10,}\.[0-9A-Za-z_-]{10,}\.|-----BEGIN [A-Z ]*PRIVATE KEY-----)"
)
_TEMPLATE = re.compile(r'(?:[A-Za-z][A-Za-z-]{0,19} )?(?:[A-Za-z_-]{1,20}=)?"?\{[a-z][a-z0-9_]{0,39}\}"?')
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}://\S+")
"""A bound, so that a long text is gone through once."""


def is_secret_name(name: str) -> bool:
    """Whether a header, variable or setting of this name holds a secret: `Authorization`, `GITHUB_TOKEN`, `apiKey`."""
    return _SECRET_NAME.search(_CAMEL.sub("_", name)) is not None


def is_document(kind: str, name: str) -> bool:
    """Whether this setting of a kind holds a whole document. What looks like a reference in one is a text like others:
    nobody resolves it."""
    return (kind, name) in _DOCUMENTS


def document_flaw(name: str, text: str) -> str | None:
    """What secret a text of a document is; None when it is none. `name` is its key. A template is a place for a secret
    and none itself: `Bearer {token}`, `Token token="{key}"`."""
    if _TEMPLATE.fullmatch(text) is not None or references.find(text) is not None:
        return None
    flaw = url_flaw(text)
    if flaw is not None:
        return f"{flaw}: it is shown by `auth`, and given beside the document, by reference"
    if has_secret_shape(text) or is_secret_name(name):
        return "a secret must not stand here in plain text: it is given beside the document, by reference"
    return None


def has_secret_shape(text: str) -> bool:
    return _SHAPES.search(text) is not None


def url_flaw(text: str) -> str | None:
    """What secret a URL in this text carries; None when there is none. The answer never repeats it."""
    for found in _URL.finditer(text):
        try:
            parts = urlsplit(found.group())
        except ValueError:
            return "this is not a URL"
        if "@" in parts.netloc:
            return "a URL must not hold a user name or password"
        for name, value in parse_qsl(parts.query):
            if value and is_secret_name(name):
                return f"a URL must not hold a secret (its parameter `{name}`)"
    return None
