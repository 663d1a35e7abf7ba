"""References to variables as clients write them into values, and what they are in `toolgate.yaml`.

`${NAME}`, `${NAME:-default}` (Claude Code, Copilot CLI, Kiro), `${env:NAME}` (Cursor, VS Code, Windsurf), `$NAME`
(Gemini CLI), `${input:id}` (VS Code asks a person). What only the client knows (`${workspaceFolder}`) means nothing
here.
"""

import re
from typing import Literal

import msgspec

Style = Literal["", "braced", "bare"]
"""Which references a client knows: none, those in braces, or also `$NAME`."""

_WHOLE = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9-]*) +)?"
    r"(?:\$\{(?:env:)?(?P<braced>[A-Za-z_][A-Za-z0-9_]*)\}|\$(?P<bare>[A-Z_][A-Z0-9_]*)|\$\{input:(?P<input>[^}]+)\})"
)
_ANY = re.compile(r"\$\{[^}]*\}|(?<![A-Za-z0-9$])\$[A-Z_][A-Z0-9_]*")
_BRACED = re.compile(r"\$\{[^}]*\}")
_OF_CLIENTS = frozenset({"workspaceFolder", "workspaceFolderBasename", "userHome", "pathSeparator", "file", "cwd"})


class Variable(msgspec.Struct, frozen=True):
    """A value that is one variable: its name, and the authentication scheme before it. `asked` is the id of an input
    that the client asks a person for; then there is no name."""

    name: str
    scheme: str = ""
    asked: str = ""


def whole(text: str, style: Style) -> Variable | None:
    """The variable that this text is, with at most a scheme before it."""
    found = _WHOLE.fullmatch(text) if style else None
    if found is None or found["braced"] in _OF_CLIENTS or (found["bare"] and style != "bare"):
        return None
    return Variable(found["braced"] or found["bare"] or "", found["scheme"] or "", found["input"] or "")


def any_in(text: str, style: Style) -> str:
    """The first reference to a variable anywhere in a text, without a default, which may be a secret; empty when there
    is none."""
    found = {"": None, "braced": _BRACED, "bare": _ANY}[style]
    match = None if found is None else found.search(text)
    name, default, _ = ("", "", "") if match is None else match[0].partition(":-")
    return f"{name[:60]}:-...}}" if default else name[:60]
