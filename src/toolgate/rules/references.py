"""References to secrets in configuration texts: `env:NAME`, `file:PATH`, `store:NAME`, and a scheme before any of them
(`Bearer env:NAME`).

A text that has none of these forms is a literal. Resolving is the `Secrets` port's work; here is only the grammar.
"""

import re
from collections.abc import Callable

import msgspec

from toolgate.rules.names import NAME, NAME_RULE

_TEXT = re.compile(r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9-]*) +)?(?P<source>env|file|store):(?P<name>.*)", re.DOTALL)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Reference(msgspec.Struct, frozen=True):
    """`source` is `env`, `file` or `store`; `name` the variable, path or stored secret; `scheme` what stands before, as
    `Bearer`, or empty."""

    source: str
    name: str
    scheme: str = ""

    @property
    def secret(self) -> str:
        """What the `Secrets` port is asked for: the reference without the scheme."""
        return f"{self.source}:{self.name}"

    def __str__(self) -> str:
        return f"{self.scheme} {self.secret}" if self.scheme else self.secret


def find(text: str) -> Reference | None:
    """The reference that this text is; None for a literal. A reference can still be malformed: see `flaw`."""
    found = _TEXT.fullmatch(text)
    if found is None:
        return None
    return Reference(found["source"], found["name"], found["scheme"] or "")


def flaw(reference: Reference) -> str | None:
    """Why this reference can never be resolved; None when its form is right."""
    if reference.source == "env" and not _VARIABLE.fullmatch(reference.name):
        return "`env:` is followed by the name of an environment variable (letters, digits and _)"
    if reference.source == "file" and (not reference.name or "\0" in reference.name):
        return "`file:` is followed by a path"
    if reference.source == "store" and not NAME.fullmatch(reference.name):
        return f"`store:` is followed by the name of a stored secret: {NAME_RULE}"
    return None


def render(text: str, resolve: Callable[[str], str]) -> str:
    """The text with its secret in place; a literal as it is. `resolve` is `Secrets.resolve`; its errors pass
    through."""
    reference = find(text)
    if reference is None:
        return text
    value = resolve(reference.secret)
    return f"{reference.scheme} {value}" if reference.scheme else value
