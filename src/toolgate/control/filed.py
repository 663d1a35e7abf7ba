"""A record as a file declares it, and where each of its fields stands there."""

import types
import typing
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

import msgspec

from toolgate.control.places import Place, steps
from toolgate.control.source import locate
from toolgate.model.entities import Entity, Virtual


class Filed(msgspec.Struct, frozen=True):
    """`fields` are those of the record that the file says something of. `place` is that of the whole entry, `spots` are
    those of its fields where they are called otherwise, or stand deeper. One that is not `named` has a name of ours."""

    record: Entity
    fields: frozenset[str]
    place: Place
    spots: Mapping[str, Place] = {}
    named: bool = True

    def spot(self, path: str) -> tuple[str, int]:
        """Path and line in the file of a path within the record (`members[0]`, `settings.url`); those of the entry
        where it says nothing there."""
        top = next(iter(steps(path)), "")
        spot = self.spots.get(str(top))
        if spot is None:
            return self.place.path, self.place.line
        rest = path[len(str(top)) :]
        if isinstance(self.record, Virtual):
            rest = rest.removesuffix(".rename") + ".as" if rest.endswith(".rename") else rest
        below = steps(rest)
        return spot.path + rest, locate(spot.node, below) if below else spot.line

    def wrong(self, path: str, reason: str) -> None:
        """Reports what is wrong with a field of the record."""
        field, line = self.spot(path)
        self.place.findings.add(line, field, reason)


def read_fields(entries: Mapping[str, Place], struct: type[msgspec.Struct], names: Sequence[str]) -> dict[str, Any]:
    """The fields of these names that stand in an entry, each in the type that the record has it in. What is wrong with
    one is a finding, and it is left out."""
    kinds = {field.name: field.type for field in msgspec.structs.fields(struct)}
    found: dict[str, Any] = {}
    for name in names:
        if name in entries:
            read, value = _read(entries[name], kinds[name])
            if read:
                found[name] = value
    return found


def _read(place: Place, kind: Any) -> tuple[bool, Any]:
    options = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    if place.node.value is None and type(None) in options:
        return True, None
    wanted = next(option for option in options if option is not type(None))
    value: Any
    if wanted is bool:
        value = place.flag()
    elif wanted is float:
        value = place.moment()
    elif isinstance(wanted, type) and issubclass(wanted, Enum):
        chosen = place.choice([one.value for one in wanted])
        value = None if chosen is None else wanted(chosen)
    elif typing.get_origin(wanted) is tuple:
        value = tuple(text for _, text in place.texts())
    elif typing.get_origin(wanted) is dict:
        texts = {key: entry.text() for key, entry in place.entries().items()}
        value = {key: text for key, text in texts.items() if text is not None}
    else:
        value = "" if place.node.value == "" and type(None) not in options else place.text()
    return value is not None, value
