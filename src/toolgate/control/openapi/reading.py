"""Bytes -> a document as plain values. JSON, or YAML without what only YAML has: no dates, no keys but texts, no tags
that make something else. Neither depth nor aliases can make more of it than there is."""

import re
from typing import Any, cast

import msgspec
import yaml

from toolgate.control.openapi.nodes import Node
from toolgate.model.errors import ConfigError
from toolgate.rules.nesting import too_deep

MOST_BYTES = 20 * 1024 * 1024
"""The largest document that is taken."""

_DEEPEST = 200
_MOST_NODES = 3_000_000
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NUMBER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})(?P<part>\.[0-9]{1,30})?(?P<power>[eE][-+]?[0-9]{1,3})?")
_WORDS: dict[str, Any] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip


def parse(raw: bytes, shown: str) -> Node:
    """The document; `shown` names it in errors. Raises ConfigError with where and why."""
    if len(raw) > MOST_BYTES:
        raise ConfigError((f"{shown}: has {len(raw)} bytes, at most {MOST_BYTES}",))
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    try:
        found: Any = msgspec.json.decode(raw)
    except RecursionError:
        raise ConfigError((f"{shown}: is nested too deep",)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        found = _flow(raw, shown, problem) if raw.lstrip()[:1] in (b"{", b"[") else _yaml(raw, shown)
    if not isinstance(found, dict):
        raise ConfigError((f"{shown}: is no OpenAPI document: an object is expected at the top",))
    if too_deep(found, _DEEPEST):
        raise ConfigError((f"{shown}: is nested too deep",))
    return cast("Node", found)


def _flow(raw: bytes, shown: str, problem: Exception) -> Any:
    """What begins like JSON and is none may be YAML; where it is not, what is wrong with the JSON says more."""
    try:
        return _yaml(raw, shown)
    except ConfigError:
        raise ConfigError((f"{shown}: is neither JSON nor YAML: {problem}",)) from None


def _yaml(raw: bytes, shown: str) -> Any:
    try:
        return _Building().value(raw.decode())
    except UnicodeDecodeError as error:
        raise ConfigError((f"{shown}: is no text in UTF-8 (byte {error.start})",)) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ConfigError((f"{shown}:{mark.line + 1 if mark else 1}: is no YAML: {error.problem}",)) from None
    except yaml.YAMLError as error:
        raise ConfigError((f"{shown}: is no YAML: {str(error).splitlines()[0]}",)) from None
    except _Unwanted as error:
        raise ConfigError((f"{shown}:{error.line}: {error.reason}",)) from None


class _Unwanted(Exception):
    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


class _Open:
    """A list or mapping that has not ended: what it is, the key that waits for its value, and how much is in it."""

    __slots__ = ("anchor", "key", "size", "value")

    def __init__(self, value: list[Any] | dict[str, Any], anchor: str | None) -> None:
        self.value = value
        self.anchor = anchor
        self.key: str | None = None
        self.size = 1

    def put(self, item: Any, size: int) -> None:
        self.size += size
        if isinstance(self.value, list):
            self.value.append(item)
        elif self.key is None:
            self.key = item if isinstance(item, str) else str(item)
        else:
            if self.key == "<<" and isinstance(item, dict):
                self.value |= {name: one for name, one in cast("Node", item).items() if name not in self.value}
            else:
                self.value[self.key] = item
            self.key = None

    @property
    def wants_key(self) -> bool:
        return isinstance(self.value, dict) and self.key is None


class _Building:
    """Makes values of the events of the parser, without recursion."""

    def __init__(self) -> None:
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._found: list[Any] = []

    def value(self, text: str) -> Any:
        """The first document of a text. Raises YAMLError and _Unwanted."""
        parse: Any = yaml.parse  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        for event in parse(text, _LOADER):
            self._take(event)
            if isinstance(event, yaml.DocumentEndEvent):
                break
        return self._found[0] if self._found else None

    def _take(self, event: Any) -> None:
        if isinstance(event, yaml.ScalarEvent):
            key = bool(self._open) and self._open[-1].wants_key
            self._put(event.value if key else _scalar(event), 1, event.anchor)
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            if len(self._open) > _DEEPEST:
                raise _Unwanted(event.start_mark.line + 1, "is nested too deep")
            self._open.append(_Open({} if isinstance(event, yaml.MappingStartEvent) else [], event.anchor))
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            ended = self._open.pop()
            self._put(ended.value, ended.size, ended.anchor)
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise _Unwanted(event.start_mark.line + 1, f"*{event.anchor}: stands for nothing, or for itself")
            value, size = self._anchors[event.anchor]
            self._put(value, size, None)
            if self._open and self._open[-1].size > _MOST_NODES:
                raise _Unwanted(event.start_mark.line + 1, "its aliases make too much of it")

    def _put(self, value: Any, size: int, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = (value, size)
        if self._open:
            self._open[-1].put(value, size)
        else:
            self._found.append(value)


def _scalar(event: Any) -> Any:
    """YAML 1.2's own few kinds; everything else is a text."""
    plain: str = event.value
    if not event.implicit[0] or (event.tag or "").endswith(":str"):
        return plain
    if plain in _WORDS:
        return _WORDS[plain]
    number = _NUMBER.fullmatch(plain)
    if number is None:
        return plain
    return float(plain) if number["part"] or number["power"] else int(plain)
