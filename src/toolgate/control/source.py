"""Text of a configuration file -> a tree whose every node knows its line; and the findings that are made on it.

The text is YAML with the core schema of YAML 1.2 (section 10.3): `true`, `false`, `null`, numbers; everything else is a
string, so that `on`, `no` and `2027-01-01` are what they look like. Events are read, not objects built: no tag can run
code, nesting and size are bounded, and an alias is paid for each time it is used.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import yaml

from toolgate.model.errors import ConfigError

MOST_CHARACTERS = 4 * 1024 * 1024
MOST_NODES = 200_000
"""Nodes of one file, those that aliases repeat included."""
DEEPEST = 32

Scalar = str | int | float | bool | None


class Node(msgspec.Struct, frozen=True):
    """One value with the line (from 1) on which it begins. `value` is a scalar, a tuple of nodes, or a dict of nodes;
    `key_lines` says where each key of a mapping stands."""

    value: "Scalar | tuple[Node, ...] | dict[str, Node]"
    line: int
    key_lines: dict[str, int] = {}

    @property
    def kind(self) -> str:
        """The value's type as the user knows it."""
        return _KIND_NAMES[type(self.value)]

    def plain(self) -> object:
        """The value as plain dicts, lists and scalars."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, tuple):
            return [node.plain() for node in self.value]
        return self.value


_KIND_NAMES: dict[type, str] = {
    str: "a text",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "nothing",
    tuple: "a list",
    dict: "a mapping",
}


class Finding(msgspec.Struct, frozen=True, order=True):
    """One thing wrong with the file. `field` is a path from the top (`grants[2].allow.tools`), empty for the whole."""

    line: int
    field: str
    reason: str
    suggestion: str = ""

    def text(self, file: str) -> str:
        """`FILE:LINE: field: reason (did you mean "x"?)`."""
        field = f"{self.field}: " if self.field else ""
        hint = f' (did you mean "{self.suggestion}"?)' if self.suggestion else ""
        return f"{file}:{self.line}: {field}{self.reason}{hint}"


class Findings:
    """Collects everything that is wrong, so that one look at a file shows all of it."""

    def __init__(self) -> None:
        self._found: list[Finding] = []

    def add(self, line: int, field: str, reason: str, suggestion: str = "") -> None:
        self._found.append(Finding(line, field, reason, suggestion))

    def __len__(self) -> int:
        return len(self._found)

    def places(self) -> set[tuple[str, int]]:
        """The (field, line) pairs that have a finding."""
        return {(finding.field, finding.line) for finding in self._found}

    def error(self, file: str) -> ConfigError:
        """In the file's order, each only once."""
        return ConfigError(tuple(finding.text(file) for finding in sorted(set(self._found))))


# YAML 1.2 section 5.1: what a file may hold.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# The parser of libyaml where the wheel has it: the same events, ten times faster.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _events(text: str) -> Iterable[Any]:
    """The file as events, one at a time. Untyped in the library's stubs."""
    return yaml.parse(text, _LOADER)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


def parse(text: str, findings: Findings) -> Node | None:
    """The file's one document; None when it cannot be read at all, which is then a finding."""
    if len(text) > MOST_CHARACTERS:
        findings.add(1, "", f"the file is larger than {MOST_CHARACTERS} characters")
        return None
    unprintable = _UNPRINTABLE.search(text)
    if unprintable is not None:
        line = text.count("\n", 0, unprintable.start()) + 1
        findings.add(line, "", f"this is not YAML: the character U+{ord(unprintable.group()):04X} may not be in a file")
        return None
    try:
        return _Builder(findings).build(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        findings.add(mark.line + 1 if mark else 1, "", f"this is not YAML: {error.problem or error.context}")
    except _Stop as stop:
        findings.add(stop.line, "", stop.reason)
    return None


class _Stop(Exception):
    """Reading on makes no sense."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


class _Open:
    """A list or mapping whose end has not been read."""

    def __init__(self, line: int, path: str, anchor: str | None, is_mapping: bool) -> None:
        self.line = line
        self.path = path
        self.anchor = anchor
        self.is_mapping = is_mapping
        self.key: str | None = None
        self.key_line = 0
        self.items: list[Node] = []
        self.entries: dict[str, Node] = {}
        self.key_lines: dict[str, int] = {}
        self.nodes = 1
        self.height = 1

    def below(self) -> str:
        """The path of the child that comes next."""
        if not self.is_mapping:
            return f"{self.path}[{len(self.items)}]"
        return step(self.path, self.key or "")

    def close(self) -> Node:
        if self.is_mapping:
            return Node(self.entries, self.line, self.key_lines)
        return Node(tuple(self.items), self.line)


def step(path: str, key: str) -> str:
    """The path of a mapping's entry."""
    key = key or '""'
    return f"{path}.{key}" if path else key


class _Anchored(msgspec.Struct, frozen=True):
    """A complete node that an alias may repeat, with what that costs: its nodes and its levels."""

    node: Node
    nodes: int
    height: int


class _Builder:
    """Builds the tree from events, without recursion."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._stack: list[_Open] = []
        self._anchors: dict[str, _Anchored] = {}
        self._documents = 0
        self._root: Node | None = None

    def build(self, text: str) -> Node:
        for event in _events(text):
            line: int = event.start_mark.line + 1
            if isinstance(event, yaml.DocumentStartEvent):
                self._documents += 1
                if self._documents > 1:
                    raise _Stop(line, "the file has a second document (`---`): one file is one document")
            elif isinstance(event, yaml.AliasEvent):
                self._alias(event, line)
            elif isinstance(event, yaml.ScalarEvent):
                self._scalar(event, line)
            elif isinstance(event, yaml.CollectionStartEvent):
                self._begin(event, line)
            elif isinstance(event, yaml.CollectionEndEvent):
                done = self._stack.pop()
                self._add(_Anchored(done.close(), done.nodes, done.height), done.anchor)
        return self._root or Node({}, 1)

    def _begin(self, event: yaml.CollectionStartEvent, line: int) -> None:
        self._refuse_tag(event.tag, line)
        if len(self._stack) >= DEEPEST:
            raise _Stop(line, f"more than {DEEPEST} levels of nesting")
        if self._stack and self._stack[-1].is_mapping and self._stack[-1].key is None:
            raise _Stop(line, "a key must be a text, not a list or mapping")
        path = self._stack[-1].below() if self._stack else ""
        self._stack.append(_Open(line, path, event.anchor, isinstance(event, yaml.MappingStartEvent)))

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        self._refuse_tag(event.tag, line)
        top = self._stack[-1] if self._stack else None
        if top is not None and top.is_mapping and top.key is None:
            self._key(top, event.value, line, plain=event.implicit[0])
            return
        value = scalar_value(event.value) if event.implicit[0] else event.value
        self._add(_Anchored(Node(value, line), 1, 0), event.anchor)

    def _key(self, top: _Open, key: str, line: int, *, plain: bool) -> None:
        if key == "<<" and plain:
            raise _Stop(line, "merge keys (`<<`) are not supported: write the values out, or repeat them by alias")
        if key in top.entries:
            self._findings.add(line, step(top.path, key), f"this key was already given on line {top.key_lines[key]}")
        top.key, top.key_line = key, line

    def _alias(self, event: yaml.AliasEvent, line: int) -> None:
        if self._stack and self._stack[-1].is_mapping and self._stack[-1].key is None:
            raise _Stop(line, "a key must be a text, not an alias")
        known = self._anchors.get(event.anchor)
        if known is None:
            raise _Stop(line, f"the alias `*{event.anchor}` names nothing that is complete before it")
        repeated = Node(known.node.value, line, known.node.key_lines)
        self._add(_Anchored(repeated, known.nodes, known.height), None)

    def _add(self, added: _Anchored, anchor: str | None) -> None:
        node = added.node
        if anchor is not None:
            self._anchors[anchor] = added
        if not self._stack:
            self._root = node
            return
        top = self._stack[-1]
        top.nodes += added.nodes
        top.height = max(top.height, added.height + 1)
        if top.nodes > MOST_NODES:
            raise _Stop(node.line, f"more than {MOST_NODES} values, counting what aliases repeat")
        if len(self._stack) + added.height > DEEPEST:
            raise _Stop(node.line, f"more than {DEEPEST} levels of nesting, counting what aliases repeat")
        if not top.is_mapping:
            top.items.append(node)
            return
        key, top.key = top.key or "", None
        if key not in top.entries:  # a duplicate is a finding already, and the first one counts
            top.entries[key] = node
            top.key_lines[key] = top.key_line

    def _refuse_tag(self, tag: str | None, line: int) -> None:
        if tag is not None and tag != "!":
            raise _Stop(line, "tags (`!...`) are not supported: write the plain value")


_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, Scalar] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True,
    "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_LONGEST_NUMBER = 40


def scalar_value(text: str) -> Scalar:
    """A scalar without quotes, by the core schema. A number of absurd length stays a text."""
    if text in _WORDS:
        return _WORDS[text]
    if len(text) <= _LONGEST_NUMBER:
        if _INTEGER.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text):
            return float(text)
    return text


def locate(node: Node, path: Sequence[str | int]) -> int:
    """The line of the deepest node on this path that exists."""
    line = node.line
    for part in path:
        if isinstance(node.value, dict) and isinstance(part, str) and part in node.value:
            line = node.key_lines[part]
            node = node.value[part]
        elif isinstance(node.value, tuple) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.line
        else:
            break
    return line
