"""A connector as the text of `connector.yaml`: in the order in which people read it, what is small on one line."""

from typing import Any, cast

import yaml

_WIDTH = 110


class _Line(dict[str, Any]):
    """A mapping that stands on one line."""


class _Row(list[Any]):
    """A list that stands on one line."""


class _Dumper(yaml.SafeDumper):
    """Without aliases, which the format does not read."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _line(dumper: Any, value: _Line) -> Any:
    return dumper.represent_mapping("tag:yaml.org,2002:map", value, flow_style=True)


def _row(dumper: Any, value: _Row) -> Any:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=True)


_Dumper.add_representer(_Line, _line)
_Dumper.add_representer(_Row, _row)


def text(connector: dict[str, Any], source: str) -> str:
    """The whole file. `source` names the document that it was made of."""
    plain = "".join(character if character.isprintable() else " " for character in source)[:200]
    head = f"# Made of {plain}. Edit it as you like: descriptions, names, hints, what `result` takes of answers.\n"
    width: Any = {"width": _WIDTH + 10, "sort_keys": False, "allow_unicode": True, "default_flow_style": False}
    dump: Any = yaml.dump  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return head + str(dump(_short(connector), Dumper=_Dumper, **width))


def _short(value: Any) -> Any:
    if isinstance(value, dict):
        members = {key: _short(one) for key, one in cast("dict[str, Any]", value).items()}
        flat = all(not isinstance(one, (dict, list)) or isinstance(one, (_Row, _Line)) for one in members.values())
        return _Line(members) if flat and members and len(str(members)) <= _WIDTH else members
    if isinstance(value, list):
        items = [_short(one) for one in cast("list[Any]", value)]
        flat = all(not isinstance(one, (dict, list)) for one in items)
        return _Row(items) if flat and len(str(items)) <= _WIDTH else items
    return value
