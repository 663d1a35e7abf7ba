"""A folder with `connector.yaml` -> a Connector. Everything that is wrong is told with file, line, field and reason."""

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import msgspec
import yaml

import toolgate
from toolgate.model.errors import ConfigError
from toolgate.rules.names import meant
from toolgate.upstreams.connector import format as format_
from toolgate.upstreams.connector import linting
from toolgate.upstreams.connector.format import Connector
from toolgate.upstreams.connector.linting import Finding

FILE = "connector.yaml"
INCLUDED = Path(toolgate.__file__).parent / "connectors"
MOST_BYTES = 2 * 1024 * 1024
_DEEPEST = 100

_PART = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[\.\.\.\]")
_UNKNOWN = re.compile(r"unknown field `([^`]*)`")
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Part = str | int
Path_ = tuple[Part, ...]


def included() -> tuple[str, ...]:
    """The ids of the connectors that come with Toolgate."""
    return tuple(sorted(folder.parent.name for folder in INCLUDED.glob(f"*/{FILE}")))


@lru_cache(maxsize=64)
def _kept(folder: Path, changed: int) -> Connector:
    with (folder / FILE).open("rb") as file:
        return parse(file.read(MOST_BYTES + 1), folder)


def read(folder: Path) -> Connector:
    """Raises ConfigError with one finding for each thing that is wrong. Read once for each change of the file."""
    try:
        return _kept(folder, (folder / FILE).stat().st_mtime_ns)
    except OSError as error:
        raise ConfigError((f"{folder / FILE}: cannot be read ({error.strerror})",)) from None


def parse(text: bytes, folder: Path) -> Connector:
    """The connector of this text. `folder` is where it stands, with its icon and fixtures."""
    shown = f"{folder.name}/{FILE}"
    if len(text) > MOST_BYTES:
        raise ConfigError((f"{shown}:1: the file is larger than {MOST_BYTES} bytes",))
    try:
        deep = _too_deep(text.decode())
        if deep is not None:
            raise ConfigError((f"{shown}:{deep}: is nested too deep",))
        root = _composed(text.decode())
        flaw = next(_flaws(root), None)
        if root is None or flaw is not None:
            raise ConfigError((f"{shown}:{flaw or '1: the file is empty'}",))
        loaded: Any = yaml.load(text, _LOADER)  # noqa: S506 - one of the two safe loaders
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ConfigError((f"{shown}:{mark.line + 1 if mark else 1}: this is not YAML: {error.problem}",)) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError((f"{shown}:1: this is not YAML in UTF-8 ({type(error).__name__})",)) from None
    connector, findings = judged(loaded, folder)
    if connector is None:
        found = sorted(findings, key=lambda finding: _line(root, finding[0]))
        raise ConfigError(tuple(_told(shown, root, place, reason) for place, reason in found))
    return connector


def judged(loaded: Any, folder: Path | None) -> tuple[Connector | None, tuple[Finding, ...]]:
    """The connector that these plain values are, or everything that is wrong with them. Without a `folder` it stands in
    a server's settings."""
    try:
        connector = msgspec.convert(loaded, Connector)
    except msgspec.ValidationError as error:
        reason, place = _pinpointed(loaded, error)
        return None, ((place, reason[:1].lower() + reason[1:]),)
    found = tuple(linting.findings(connector, folder))
    return (None if found else connector), found


def _too_deep(text: str) -> int | None:
    """The line (from 1) at which it nests too deep. Looked at first, and without recursion: the library's own goes down
    until the process dies."""
    depth = 0
    parse_events: Any = yaml.parse  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    for event in parse_events(text, _LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEEPEST:
                return event.start_mark.line + 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return None


def _composed(text: str) -> Any:
    """The tree with its lines. Untyped in the library's stubs."""
    return yaml.compose(text, _LOADER)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


def _flaws(node: Any) -> Iterator[str]:
    """What YAML has and this format has not, and keys that stand twice."""
    seen: set[int] = set()
    waiting: list[Any] = [] if node is None else [node]
    while waiting:
        one = waiting.pop()
        line = one.start_mark.line + 1
        if id(one) in seen:
            yield f"{line}: anchors and aliases are not read here: put what is used twice under `shared`"
            return
        seen.add(id(one))
        if isinstance(one, yaml.MappingNode):
            keys: set[str] = set()
            for key, value in one.value:
                if not isinstance(key, yaml.ScalarNode) or key.value in keys:
                    yield f"{key.start_mark.line + 1}: {key.value}: this key stands twice, or is no text"
                keys.add(str(key.value))
                waiting.append(value)
        elif isinstance(one, yaml.SequenceNode):
            waiting.extend(one.value)


def _pinpointed(loaded: Any, error: msgspec.ValidationError) -> tuple[str, Path_]:
    """The reason and the exact place. msgspec writes `[...]` for a key of a mapping: each key is then tried alone."""
    reason, _, path = str(error).partition(" - at `$")
    place: list[Part] = []
    unknown = _UNKNOWN.search(reason)
    for found in _PART.finditer(path.removesuffix("`")):
        if found[1] is not None:
            place.append(found[1])
        elif found[2] is not None:
            place.append(int(found[2]))
        else:
            key = _guilty(loaded, tuple(place), str(error))
            if key is None:
                break
            place.append(key)
    if unknown is not None:
        return f"is not known here{meant(unknown[1], _keys())}", (*place, unknown[1])
    return reason, tuple(place)


@cache
def _keys() -> frozenset[str]:
    """Every key that the format has anywhere."""
    parts = [value for value in vars(format_).values() if isinstance(value, type) and issubclass(value, msgspec.Struct)]
    return frozenset(field.encode_name for part in parts for field in msgspec.structs.fields(part))


def _guilty(loaded: Any, place: Path_, said: str) -> str | None:
    """The first key of a mapping that is wrong. Halved until one is left: each try costs as much as the whole."""
    keys = list(_at(loaded, place).items())
    if not _says(loaded, place, keys, said):
        return None
    while len(keys) > 1:
        first = keys[: len(keys) // 2]
        keys = first if _says(loaded, place, first, said) else keys[len(first) :]
    return str(keys[0][0]) if _says(loaded, place, keys, said) else None


def _says(loaded: Any, place: Path_, items: list[tuple[Any, Any]], said: str) -> bool:
    """Whether the same is wrong where that mapping has these items alone."""
    try:
        msgspec.convert(_with(loaded, place, dict(items)), Connector)
    except msgspec.ValidationError as error:
        return str(error) == said
    return False


def _at(loaded: Any, place: Path_) -> Any:
    for part in place:
        loaded = loaded[part]
    return loaded


def _with(loaded: Any, place: Path_, value: Any) -> Any:
    """A copy in which this value stands at that place."""
    if not place:
        return value
    copy = loaded.copy()
    copy[place[0]] = _with(loaded[place[0]], place[1:], value)
    return copy


def _line(root: Any, place: Path_) -> int:
    """The line (from 1) of a place, or of what is nearest above it."""
    node, line = root, 1
    for part in place:
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        elif isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == part), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        else:
            break
    return line


def field_of(place: Path_) -> str:
    """A place as people read it: `tools[0].params.city`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).removeprefix(".")


def _told(shown: str, root: Any, place: Path_, reason: str) -> str:
    field = field_of(place)
    return f"{shown}:{_line(root, place)}: {field}: {reason}" if field else f"{shown}:{_line(root, place)}: {reason}"
