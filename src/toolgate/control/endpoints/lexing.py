"""A command line of a POSIX shell to words, as far as one command goes. Nothing is expanded or run."""

import re

from toolgate.model.errors import ConfigError

_OPERATORS = frozenset("|&;<>()`")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "a": "\a", "0": "\0", "e": "\x1b"}
_CODE = re.compile(r"u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|x([0-9A-Fa-f]{1,2})")


def words(text: str) -> list[str]:
    """The words of one command. Quotes are those of bash, `$'...'` too; a line goes on after a backslash. Raises
    ConfigError for what is more than one command."""
    found: list[str] = []
    word: str | None = None
    at = 0
    while at < len(text):
        character = text[at]
        if character in " \t\r\n":
            if word is not None:
                found.append(word)
                word = None
            if character == "\n" and found and text[at:].strip():
                raise ConfigError(("curl: one command is read; this is more than one line, and none ends with \\",))
            at += 1
        elif character == "\\":
            part, at = _escaped(text, at)
            word = (word or "") + part if part or word is not None else word
        elif character in "'\"" or text.startswith("$'", at):
            part, at = _quoted(text, at)
            word = (word or "") + part
        elif character in _OPERATORS or text.startswith("$(", at):
            raise ConfigError(
                (f"curl: only the command itself is read: {character} is not for it; quote it, or cut it",)
            )
        else:
            word = (word or "") + character
            at += 1
    return found if word is None else [*found, word]


def _escaped(text: str, at: int) -> tuple[str, int]:
    """What a backslash outside of quotes means: the next character, or nothing at the end of a line."""
    rest = text[at + 1 : at + 3]
    if rest.startswith("\r\n"):
        return "", at + 3
    if rest[:1] == "\n" or not rest:
        return "", at + 2
    return rest[0], at + 2


def _quoted(text: str, at: int) -> tuple[str, int]:
    if text[at] == "$":
        return _ansi(text, at + 2)
    quote = text[at]
    if quote == "'":
        end = text.find("'", at + 1)
        if end < 0:
            raise _unclosed()
        return text[at + 1 : end], end + 1
    found: list[str] = []
    at += 1
    while at < len(text) and text[at] != '"':
        if text[at] == "\\" and text[at + 1 : at + 2] in ('"', "\\", "$", "`", "\n"):
            found.append("" if text[at + 1] == "\n" else text[at + 1])
            at += 2
        else:
            found.append(text[at])
            at += 1
    if at >= len(text):
        raise _unclosed()
    return "".join(found), at + 1


def _ansi(text: str, at: int) -> tuple[str, int]:
    """`$'...'`: with the escapes of C, as browsers write it."""
    found: list[str] = []
    while at < len(text) and text[at] != "'":
        if text[at] != "\\":
            found.append(text[at])
            at += 1
            continue
        code = _CODE.match(text, at + 1)
        if code is not None:
            number = int(code[1] or code[2] or code[3], 16)
            found.append(chr(number) if number < 0x110000 else "\ufffd")
            at = code.end()
        else:
            escaped = text[at + 1 : at + 2]
            found.append(_ESCAPES.get(escaped, escaped))
            at += 2
    if at >= len(text):
        raise _unclosed()
    return "".join(found).encode("utf-16", "surrogatepass").decode("utf-16", "replace"), at + 1


def _unclosed() -> ConfigError:
    return ConfigError(("curl: a quotation mark is never closed",))
