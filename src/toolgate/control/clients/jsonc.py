"""JSON as editors take it (`//` and `/* */` comments, trailing commas) -> a tree whose nodes know where they stand.

Positions make textual edits possible: what is not edited stays as it was, comments included. RFC 8259 otherwise; the
first of two equal keys does not count, as in every editor.
"""

import re
from typing import Any, NamedTuple

import msgspec

from toolgate.control.clients.client import Unreadable

DEEPEST = 64
MOST_CHARACTERS = 16 * 1024 * 1024

_SPACE = re.compile(r"(?:[ \t\r\n\ufeff]+|//[^\r\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"', re.DOTALL)
_SCALAR = re.compile(r"-?[0-9][0-9.eE+-]*|true|false|null")


class Member(NamedTuple):
    """One entry of an object: `start` is where its key begins; `comma` where the comma behind it is, -1 for none."""

    name: str
    start: int
    value: "Node"
    comma: int


class Node(msgspec.Struct, frozen=True):
    """A value with the characters [start, end) that it takes. `members` are of an object, `items` of an array, `value`
    of the rest."""

    start: int
    end: int
    kind: str
    value: Any = None
    members: tuple[Member, ...] = ()
    items: tuple["Node", ...] = ()

    def get(self, name: str) -> "Node | None":
        """The value of a member, the last one of that name."""
        found = self.member(name)
        return None if found is None else found.value

    def member(self, name: str) -> Member | None:
        return next((member for member in reversed(self.members) if member.name == name), None)

    def plain(self) -> Any:
        """The value as plain dicts, lists and scalars."""
        if self.kind == "object":
            return {member.name: member.value.plain() for member in self.members}
        if self.kind == "array":
            return [item.plain() for item in self.items]
        return self.value


def parse(text: str) -> Node:
    """Raises Unreadable with the line. A text of nothing but comments is an empty object of no width."""
    if len(text) > MOST_CHARACTERS:
        raise Unreadable(f"larger than {MOST_CHARACTERS} characters")
    reader = _Reader(text)
    at = reader.space(0)
    if at == len(text):
        return Node(at, at, "object")
    node = reader.value(at, 0)
    if reader.space(node.end) != len(text):
        raise reader.wrong(node.end, "something stands behind the value")
    return node


class _Reader:
    """Recursive descent, bounded by DEEPEST."""

    def __init__(self, text: str) -> None:
        self._text = text

    def wrong(self, at: int, reason: str) -> Unreadable:
        return Unreadable(f"line {self._text.count(chr(10), 0, at) + 1}: not JSON: {reason}")

    def space(self, at: int) -> int:
        """Behind all blanks and comments."""
        found = _SPACE.match(self._text, at)
        return at if found is None else found.end()

    def value(self, at: int, depth: int) -> Node:
        if depth > DEEPEST:
            raise self.wrong(at, f"more than {DEEPEST} levels")
        match self._text[at : at + 1]:
            case "{":
                return self._object(at, depth)
            case "[":
                return self._array(at, depth)
            case '"':
                text, end = self._string(at)
                return Node(at, end, "string", text)
            case _:
                return self._scalar(at)

    def _scalar(self, at: int) -> Node:
        found = _SCALAR.match(self._text, at)
        if found is None:
            raise self.wrong(at, "expected a value")
        try:
            return Node(at, found.end(), "scalar", msgspec.json.decode(found[0].encode()))
        except msgspec.DecodeError:
            raise self.wrong(at, "expected a number") from None

    def _string(self, at: int) -> tuple[str, int]:
        found = _STRING.match(self._text, at)
        if found is None:
            raise self.wrong(at, "expected a string in double quotes")
        try:
            return msgspec.json.decode(found[0].encode(), type=str), found.end()
        except (msgspec.DecodeError, UnicodeEncodeError):
            raise self.wrong(at, "a string has an escape that is none") from None

    def _object(self, start: int, depth: int) -> Node:
        members: list[Member] = []
        at = self.space(start + 1)
        while self._text[at : at + 1] != "}":
            name, end = self._string(at)
            end = self.space(end)
            if self._text[end : end + 1] != ":":
                raise self.wrong(end, "expected a colon")
            value = self.value(self.space(end + 1), depth + 1)
            comma, behind = self._comma(value.end, "}")
            members.append(Member(name, at, value, comma))
            at = behind
        return Node(start, at + 1, "object", members=tuple(members))

    def _array(self, start: int, depth: int) -> Node:
        items: list[Node] = []
        at = self.space(start + 1)
        while self._text[at : at + 1] != "]":
            items.append(self.value(at, depth + 1))
            _, at = self._comma(items[-1].end, "]")
        return Node(start, at + 1, "array", items=tuple(items))

    def _comma(self, end: int, closing: str) -> tuple[int, int]:
        """Where the comma behind a value is (-1: none), and where what follows begins."""
        at = self.space(end)
        if self._text[at : at + 1] == ",":
            return at, self.space(at + 1)
        if self._text[at : at + 1] != closing:
            raise self.wrong(at, f"expected a comma or {closing}")
        return -1, at
