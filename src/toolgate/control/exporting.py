"""Records as a file declares them: the other way round than `manifest` reads. Pure.

What is never shown (a key's digest) and secrets are in no file that is made here.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, cast

import msgspec
import yaml

from toolgate.control.declared_people import PEOPLE
from toolgate.control.plan import Wanted
from toolgate.control.source import scalar_value
from toolgate.model.declared import EVERYONE, Pick
from toolgate.model.entities import Binding, Entity, Grant, Key, Server, Virtual

_RULE = ("servers", "tools", "prompts", "resources", "tags", "risks", "conditions")


class _Dumper(yaml.SafeDumper):
    """Quotes what the file's own rules would take for something else than a text."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if isinstance(scalar_value(text), str) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)  # pyright: ignore[reportUnknownMemberType]


_Dumper.add_representer(str, _text)


def text_of(wanted: Iterable[Wanted]) -> str:
    """The text of a `toolgate.yaml` that declares these records, with the fields that each says."""
    return yaml.dump(tree_of(wanted), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def tree_of(wanted: Iterable[Wanted]) -> dict[str, Any]:
    """The same as plain values."""
    tree: dict[str, Any] = {"version": 1}
    for one in wanted:
        section, entry = _entry(one)
        if section == "grants":
            tree.setdefault(section, []).append(entry)
        else:
            tree.setdefault(section, {})[one.record.name] = entry
    return tree


def _entry(wanted: Wanted) -> tuple[str, dict[str, Any]]:
    record = wanted.record
    values: dict[str, Any] = msgspec.to_builtins(record, str_keys=True)
    said = {name: values[name] for name in values if name in wanted.fields and name != "digest"}
    if isinstance(record, (Binding, Grant, Key)) and said.get("expires") is not None:
        said["expires"] = _moment(said["expires"])
    make = _MAKERS.get(type(record))
    if make is not None:
        return make(record, said)
    section = next(name for name, one in PEOPLE.items() if one.entity is type(record))
    return section, said


def _server(record: Server, said: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    settings = cast("dict[str, Any]", said.pop("settings", {}))
    if "overrides" in said:
        said["overrides"] = {
            tool: _without_defaults(override, type(override)) for tool, override in record.overrides.items()
        }
    return "servers", {"kind": record.kind, **settings, **{name: one for name, one in said.items() if name != "kind"}}


def _virtual(record: Virtual, said: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    if "offers" in said:
        said["offers"] = [
            {
                "server": picks.server,
                **{kind: [_pick(one) for one in getattr(picks, kind)] for kind in _RULE[1:4] if getattr(picks, kind)},
            }
            for picks in record.offers
        ]
    return "virtual", said


def _pick(pick: Pick) -> Any:
    said = {"as": pick.rename, "description": pick.description}
    given = {name: one for name, one in said.items() if one is not None}
    return {"name": pick.name, **given} if given else pick.name


def _key(record: Key, said: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return "keys", {"observe" if name == "observer" else name: one for name, one in said.items()}


def _grant(record: Grant, said: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    kind, _, name = record.subject.partition(":")
    rule = {field: said[field] for field in _RULE if field in said}
    if "conditions" in rule:
        rule["conditions"] = [_without_defaults(one, type(one)) for one in record.conditions]
    beside = {field: said[field] for field in ("reason", "expires") if field in said}
    subject: dict[str, Any] = {EVERYONE: True} if record.subject == EVERYONE else {kind: name}
    return "grants", {"name": record.name, **subject, **beside, record.effect: rule}


_MAKERS: Mapping[type[Entity], Callable[[Any, dict[str, Any]], tuple[str, dict[str, Any]]]] = {
    Server: _server,
    Virtual: _virtual,
    Key: _key,
    Grant: _grant,
}


def _without_defaults(value: msgspec.Struct, struct: type[msgspec.Struct]) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(value)
    defaults = {field.name: field.default for field in msgspec.structs.fields(struct)}
    return {name: one for name, one in plain.items() if getattr(value, name) != defaults[name]}


def _moment(seconds: float) -> str | float:
    """A time that people can read, where it says the same."""
    try:
        when = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return seconds
    return when.isoformat() if when.timestamp() == seconds else seconds
