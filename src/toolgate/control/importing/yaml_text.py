"""New entries in the text of `toolgate.yaml`: put in as text, so that comments, order and spelling survive.

Only block style is added to; what is written in one line (`servers: {a: ...}`) is refused, with what to do. Whether the
outcome says what it should is for the caller to check, by reading it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

import yaml

from toolgate.model.errors import ToolgateError

_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./+=@~:-]*(?<!:)|--?[A-Za-z][A-Za-z0-9_.=-]*")
_WORDS = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
_STEP = "  "


class NoPlace(ToolgateError):
    """The file is written in a way that an entry cannot be put into."""


def with_servers(text: str, servers: Mapping[str, Mapping[str, Any]]) -> str:
    """The text with these entries at the end of `servers`. Raises NoPlace."""
    if not text.strip():
        text = "version: 1\n"
    return _with_entries(text, "servers", [_entry(name, entry) for name, entry in servers.items()], is_list=False)


def with_grant(text: str, key: str, servers: Sequence[str]) -> str:
    """The text with a grant of everything that these servers offer, for one key. Raises NoPlace."""
    everything = ", ".join(f'{kind}: ["*"]' for kind in ("tools", "prompts", "resources"))
    entry = [f"- key: {key}", f"{_STEP}allow: {{servers: [{', '.join(map(_scalar, servers))}], {everything}}}"]
    return _with_entries(text, "grants", [entry], is_list=True)


def _entry(name: str, entry: Mapping[str, Any]) -> list[str]:
    lines = [f"{_key(name)}:"]
    for key, value in entry.items():
        if isinstance(value, dict):
            lines.append(f"{_STEP}{key}:")
            texts = cast("dict[str, str]", value)
            lines += [f"{_STEP * 2}{_key(inner)}: {_scalar(each)}" for inner, each in texts.items()]
        elif isinstance(value, str):
            lines.append(f"{_STEP}{key}: {_scalar(value)}")
        else:
            lines.append(f"{_STEP}{key}: [{', '.join(_in_list(str(each)) for each in value)}]")
    return lines


def _with_entries(text: str, section: str, entries: Sequence[Sequence[str]], *, is_list: bool) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines(keepends=True)
    if not text.endswith("\n"):
        lines[-1] += newline
    at, indent = _place(text, lines, section, newline, is_list=is_list)
    added = [f"{indent}{line}{newline}" for entry in entries for line in entry]
    if at < 0:
        gap = [newline] if lines[-1].strip() else []
        return "".join([*lines, *gap, f"{section}:{newline}", *added])
    return "".join([*lines[:at], *added, *lines[at:]])


def _place(text: str, lines: list[str], section: str, newline: str, *, is_list: bool) -> tuple[int, str]:
    """The number of lines before the new entries, and their indentation; -1 when the section is not there. An empty one
    (`servers: {}`) is opened on the way."""
    root = _compose(text)
    if root is None:
        return -1, _STEP
    for key, node in root.value:
        if key.value != section:
            continue
        line: int = key.start_mark.line
        if not node.value and node.start_mark.line == line:
            written = lines[line].rstrip("\r\n")
            lines[line] = re.sub(r":[ \t]*(?:\{[ \t]*\}|\[[ \t]*\]|~|null)", ":", written, count=1) + newline
            return line + 1, _STEP
        wanted = yaml.SequenceNode if is_list else yaml.MappingNode
        if not isinstance(node, wanted) or node.flow_style or node.start_mark.line <= line:
            raise NoPlace(f"`{section}` is written in one line: write its entries one below the other")
        indent = " " * node.start_mark.column
        return _behind(node, lines, node.start_mark.column), indent
    return -1, _STEP


def _compose(text: str) -> Any:
    """The top mapping as the library's nodes, which know where they stand; None for an empty file."""
    try:
        root = cast("Any", yaml).compose(text, yaml.SafeLoader)
    except yaml.YAMLError:
        raise NoPlace("it is not YAML") from None
    if root is None:
        return None
    if not isinstance(root, yaml.MappingNode) or root.flow_style:
        raise NoPlace("it is not a mapping over several lines")
    return root


def _behind(node: Any, lines: Sequence[str], column: int) -> int:
    """The number of lines up to the end of a section's last entry, with the comments that are indented like it."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        node = node.value[-1][1] if isinstance(node, yaml.MappingNode) else node.value[-1]
    end: int = node.end_mark.line + (node.end_mark.column > 0)
    while end > 0 and not lines[end - 1].strip():
        end -= 1
    kept = end
    for number in range(end, len(lines)):
        comment = lines[number].lstrip()
        if comment and not (comment.startswith("#") and len(lines[number]) - len(comment) >= max(column, 1)):
            break
        if comment:
            kept = number + 1
    return kept


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", name) and name.lower() not in _WORDS else _quoted(name)


def _scalar(text: str) -> str:
    words = text.split(" ")
    plain = len(words) <= 2 and all(_PLAIN.fullmatch(word) for word in words) and text.lower() not in _WORDS
    return text if plain else _quoted(text)


def _in_list(text: str) -> str:
    return text if _PLAIN.fullmatch(text) and ":" not in text and text.lower() not in _WORDS else _quoted(text)


def _quoted(text: str) -> str:
    """A double-quoted scalar (YAML 1.2 section 7.3.1) in printable ASCII."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if " " <= character <= "~":
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
