"""Textual edits of JSON: an entry put into an object or an array, or taken out, in the style of what is around it."""

import re
from collections.abc import Sequence
from typing import Any, cast

import msgspec

from toolgate.control.clients.client import Edit, Unreadable
from toolgate.control.clients.jsonc import Node

_INDENT = "  "
# What stands behind a value in its line: blanks, and a comment on it.
_REMARK = re.compile(r"[ \t]*(?://[^\r\n]*|/\*[^\r\n]*?\*/[ \t]*(?=[\r\n]))?")


def put(text: str, root: Node, path: Sequence[str], name: str, value: Any) -> list[Edit]:
    """Sets `name` in the object at `path`, making the objects on the way where they are missing. An equal value is left
    alone, however it is written. Raises Unreadable where something else than an object stands on the way."""
    if root.start == root.end:
        whole: Any = {name: value}
        for step in reversed(path):
            whole = {step: whole}
        newline = "\n" if text and not text.endswith("\n") else ""
        return [Edit(len(text), len(text), f"{newline}{_render(whole, '', _INDENT, chr(10))}\n")]
    node = _object(root, "the file")
    for number, step in enumerate(path):
        below = node.get(step)
        if below is None:
            missing: Any = {name: value}
            for further in reversed(path[number + 1 :]):
                missing = {further: missing}
            return _insert(text, node, step, missing)
        node = _object(below, f"`{step}`")
    present = node.get(name)
    if present is None:
        return _insert(text, node, name, value)
    if present.plain() == value:
        return []
    indent = _indent_at(text, present.start)
    return [Edit(present.start, present.end, _render(value, indent, _unit(text), _newline(text)))]


def take(text: str, root: Node, path: Sequence[str], name: str) -> list[Edit]:
    """Takes `name` out of the object at `path`, with its comma and its line. Nothing where it is not there."""
    node: Node | None = root
    for step in path:
        node = None if node is None else node.get(step)
    member = None if node is None else node.member(name)
    if node is None or member is None:
        return []
    return _without(text, node, node.members.index(member))


def append(text: str, array: Node, value: Any) -> list[Edit]:
    """Puts a value at the end of an array."""
    newline, unit = _newline(text), _unit(text)
    outer = _indent_at(text, array.start)
    inner = outer + unit
    rendered = f"{newline}{inner}{_render(value, inner, unit, newline)}"
    if not array.items:
        return [Edit(array.start + 1, array.end - 1, f"{rendered}{newline}{outer}")]
    return [Edit(array.items[-1].end, array.items[-1].end, f",{rendered}")]


def drop(array: Node, place: int) -> list[Edit]:
    """Takes an item out of an array."""
    start, end = array.items[place].start, array.items[place].end
    if place + 1 < len(array.items):
        return [Edit(start, array.items[place + 1].start, "")]
    begin = array.items[place - 1].end if place else array.start + 1
    return [Edit(begin, end, "")]


def _object(node: Node, what: str) -> Node:
    if node.kind != "object":
        raise Unreadable(f"{what} is not an object")
    return node


def _insert(text: str, node: Node, name: str, value: Any) -> list[Edit]:
    """Behind the last member and what is said of it in its line, or as the first."""
    newline, unit = _newline(text), _unit(text)
    if node.members:
        last = node.members[-1]
        before = text[text.rfind("\n", 0, last.start) + 1 : last.start]
        on_its_own = not before.strip()
        indent = _indent_at(text, last.start)
        entry = f"{_quoted(name)}: {_render(value, indent, unit, newline)}"
        if not on_its_own:
            end = last.value.end if last.comma < 0 else last.comma + 1
            return [Edit(end, end, f"{',' if last.comma < 0 else ''} {entry}")]
        comma = [Edit(last.value.end, last.value.end, ",")] if last.comma < 0 else []
        remark = _REMARK.match(text, last.value.end if last.comma < 0 else last.comma + 1)
        end = last.value.end if remark is None else remark.end()
        return [*comma, Edit(end, end, f"{newline}{indent}{entry}")]
    outer = _indent_at(text, node.start)
    inner = outer + unit
    entry = f"{newline}{inner}{_quoted(name)}: {_render(value, inner, unit, newline)}"
    # Comments in an empty object stay, in front.
    begin = max(node.start + 1, len(text[: node.end - 1].rstrip()))
    return [Edit(begin, node.end - 1, f"{entry}{newline}{outer}")]


def _without(text: str, node: Node, place: int) -> list[Edit]:
    member = node.members[place]
    start, end = member.start, member.value.end
    if member.comma >= 0:
        end = member.comma + 1
    edits: list[Edit] = []
    if member.comma < 0 and place:
        # The last one goes with the comma before it, so that none is left dangling.
        comma = node.members[place - 1].comma
        if not text[comma + 1 : start].strip():
            return [Edit(comma, end, "")]
        edits.append(Edit(comma, comma + 1, ""))
    begin = text.rfind("\n", 0, start)
    alone = begin >= 0 and not text[begin + 1 : start].strip()
    rest = re.compile(r"[ \t]*(?=\r?\n)").match(text, end)
    if alone and rest is not None:
        return [*edits, Edit(begin - (text[begin - 1 : begin] == "\r"), rest.end(), "")]
    return [*edits, Edit(start, end, "")]


def _render(value: Any, indent: str, unit: str, newline: str) -> str:
    """Objects over several lines, arrays in one, as people write these files."""
    if isinstance(value, dict) and value:
        inner = indent + unit
        members = cast("dict[str, Any]", value).items()
        entries = [f"{inner}{_quoted(key)}: {_render(each, inner, unit, newline)}" for key, each in members]
        return "{" + newline + f",{newline}".join(entries) + f"{newline}{indent}}}"
    if isinstance(value, list):
        items = cast("list[Any]", value)
        return f"[{', '.join(_render(each, indent, unit, newline) for each in items)}]"
    return msgspec.json.encode(value).decode()


def _quoted(name: str) -> str:
    return msgspec.json.encode(name).decode()


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _unit(text: str) -> str:
    """One level of indentation, as the file has it: that of its first indented line."""
    found = re.search(r"\n([ \t]+)\S", text)
    if found is None:
        return _INDENT
    return "\t" if found[1][0] == "\t" else found[1][:8]


def _indent_at(text: str, at: int) -> str:
    """The blanks with which the line at `at` begins."""
    begin = text.rfind("\n", 0, at) + 1
    found = re.compile(r"[ \t]*").match(text, begin)
    return "" if found is None else found[0]
