"""Atlassian Document Format -> Markdown. What Markdown has no words for is named in brackets, so that one sees
that something is there. The format: https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, cast

import msgspec

from toolgate.model.errors import ParseFailed
from toolgate.protocol import jsonrpc

_DEEPEST = 50
"""Levels of nesting that are looked at."""

_LEVELS = ("1", "2", "3", "4", "5", "6")
_MARKS = (("strike", "~~"), ("em", "*"), ("strong", "**"))
"""Innermost first."""

Node = Mapping[str, Any]


def markdown(document: Any) -> str | None:
    """The text of a document, or of its JSON in a text as Confluence has it. A text that is no document stays as it
    is; None where there is nothing."""
    if isinstance(document, str):
        try:
            encoded = document.encode()
            jsonrpc.check_depth(encoded)
            document = msgspec.json.decode(encoded)
        except (msgspec.DecodeError, UnicodeEncodeError, ParseFailed):
            return document
    if not isinstance(document, dict):
        return None
    return _blocks(cast("Node", document), 0).strip("\n")


def _children(node: Node) -> list[Node]:
    content = node.get("content")
    if not isinstance(content, list):
        return []
    return [cast("Node", child) for child in cast("list[Any]", content) if isinstance(child, dict)]


def _attribute(node: Node, *names: str) -> str:
    """The first of these attributes that is there, as a text."""
    given = node.get("attrs")
    attrs: Node = cast("Node", given) if isinstance(given, dict) else {}
    found = (attrs[name] for name in names if isinstance(attrs.get(name), (str, int)))
    return str(next(found, ""))


def _blocks(node: Node, depth: int, between: str = "\n\n") -> str:
    if depth > _DEEPEST:
        return "[nested too deeply]"
    return between.join(text for child in _children(node) if (text := _block(child, depth + 1)))


def _block(node: Node, depth: int) -> str:
    made = _BLOCKS.get(str(node.get("type")))
    if made is not None:
        return made(node, depth)
    if str(node.get("type")) in _INLINE or "text" in node:
        return _inline([node])
    inner = _blocks(node, depth)
    return inner or (f"[{_named(node)}]" if node.get("type") != "listItem" else "")


def _named(node: Node) -> str:
    """What a thing is called that cannot be shown."""
    key = _attribute(node, "extensionKey", "alt", "title", "id")
    return f"{node.get('type') or 'something'}{': ' + key if key else ''}"


def _heading(node: Node, depth: int) -> str:
    level = _attribute(node, "level")
    return f"{'#' * (int(level) if level in _LEVELS else 1)} {_inline(_children(node))}"


def _listed(markers: Callable[[int], str]) -> Callable[[Node, int], str]:
    def made(node: Node, depth: int) -> str:
        lines: list[str] = []
        for number, item in enumerate(_children(node)):
            marker = markers(number) + _ticked(item)
            plain = item.get("type") in ("taskItem", "decisionItem")
            text = _inline(_children(item)) if plain else _blocks(item, depth + 1, "\n")
            indent = " " * len(markers(number))
            lines.append(marker + text.replace("\n", f"\n{indent}"))
        return "\n".join(lines)

    return made


def _ticked(item: Node) -> str:
    if item.get("type") != "taskItem":
        return ""
    return "[x] " if _attribute(item, "state") == "DONE" else "[ ] "


def _ordered(node: Node, depth: int) -> str:
    start = _attribute(node, "order")
    first = int(start) if start.isdecimal() and len(start) < 10 else 1
    return _listed(lambda number: f"{first + number}. ")(node, depth)


def _code(node: Node, depth: int) -> str:
    text = "".join(str(child.get("text", "")) for child in _children(node))
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{_attribute(node, 'language')}\n{text}\n{fence}"


def _quote(node: Node, depth: int) -> str:
    return "\n".join(f"> {line}".rstrip() for line in _blocks(node, depth).split("\n"))


def _expand(node: Node, depth: int) -> str:
    title = _attribute(node, "title")
    return "\n\n".join(part for part in (f"**{title}**" if title else "", _blocks(node, depth)) if part)


def _table(node: Node, depth: int) -> str:
    rows = [[_cell(cell, depth) for cell in _children(row)] for row in _children(node)]
    width = max((len(row) for row in rows), default=0)
    if not width:
        return ""
    lines = [f"| {' | '.join(row + [''] * (width - len(row)))} |" for row in rows]
    return "\n".join([lines[0], f"|{' --- |' * width}", *lines[1:]])


def _cell(node: Node, depth: int) -> str:
    return " ".join(_blocks(node, depth + 1, " ").split()).replace("|", "\\|")


def _inline(nodes: Iterable[Node]) -> str:
    return "".join(_piece(node) for node in nodes)


def _piece(node: Node) -> str:
    kind = str(node.get("type"))
    if kind == "text":
        return _marked(node)
    made = _INLINE.get(kind)
    return f"[{_named(node)}]" if made is None else made(node)


def _marked(node: Node) -> str:
    text, given = str(node.get("text", "")), node.get("marks")
    listed = cast("list[Any]", given) if isinstance(given, list) else []
    marks = [cast("Node", one) for one in listed if isinstance(one, dict)]
    kinds = {str(mark.get("type")): mark for mark in marks}
    inner = text.strip()
    if not inner or not kinds:
        return text
    before, after = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    if "code" in kinds:
        inner = f"`` {inner} ``" if "`" in inner else f"`{inner}`"
    for kind, sign in _MARKS:
        inner = f"{sign}{inner}{sign}" if kind in kinds else inner
    href = _attribute(kinds["link"], "href") if "link" in kinds else ""
    return f"{before}{_link(inner, href)}{after}"


def _link(text: str, href: str) -> str:
    return f"[{text}]({href})" if href and href != text else text


def _day(node: Node) -> str:
    """A date is milliseconds of Unix time, in a text."""
    try:
        return datetime.fromtimestamp(int(_attribute(node, "timestamp")) / 1000, UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return "[date]"


def _mention(node: Node) -> str:
    return f"@{(_attribute(node, 'text') or _attribute(node, 'id')).removeprefix('@')}"


_BLOCKS: Mapping[str, Callable[[Node, int], str]] = {
    "paragraph": lambda node, depth: _inline(_children(node)),
    "heading": _heading,
    "bulletList": _listed(lambda number: "- "),
    "taskList": _listed(lambda number: "- "),
    "decisionList": _listed(lambda number: "- "),
    "orderedList": _ordered,
    "codeBlock": _code,
    "blockquote": _quote,
    "panel": _quote,
    "expand": _expand,
    "nestedExpand": _expand,
    "rule": lambda node, depth: "---",
    "table": _table,
}

_INLINE: Mapping[str, Callable[[Node], str]] = {
    "hardBreak": lambda node: "\\\n",
    "mention": _mention,
    "emoji": lambda node: _attribute(node, "text", "shortName"),
    "date": _day,
    "status": lambda node: f"[{_attribute(node, 'text')}]",
    "inlineCard": lambda node: _attribute(node, "url") or "[card]",
    "blockCard": lambda node: _attribute(node, "url") or "[card]",
    "embedCard": lambda node: _attribute(node, "url") or "[card]",
}
