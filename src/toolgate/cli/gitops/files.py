"""Files of records as `plan` and `apply` send them, and what the gateway finds wrong, where it stands in a file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from toolgate import extensions
from toolgate.control import manifest
from toolgate.control.declared_servers import Surroundings
from toolgate.control.filed import Filed
from toolgate.control.manifest import Manifest
from toolgate.model.errors import ConfigError, Refused

Files = Annotated[Path, typer.Option("--file", "-f", metavar="PATH", help="A file, or a directory of files.")]
Label = Annotated[str, typer.Option("--label", "-l", help="What the records carry that these files declare.")]
Prune = Annotated[bool, typer.Option("--prune", help="Remove what carries the label and is declared no more.")]
Adopt = Annotated[
    bool, typer.Option("--adopt", help="Take over what is there already, made by hand or under another label.")
]


def read(path: Path) -> Manifest:
    """Raises ConfigError. What the files refer to beside themselves may be records: the gateway judges that."""
    around = Surroundings(extensions.kinds(), None, path.parent, stored=True, others=True)
    found = manifest.read(manifest.texts_of(path), around)
    nameless = tuple(
        _line(found, one, "", "needs a `name`: the gateway knows a grant by it") for one in _nameless(found)
    )
    if nameless:
        raise ConfigError(nameless)
    return found


def records(found: Manifest) -> list[dict[str, Any]]:
    """Each with its kind, its name, and the fields that stand in the files."""
    sent: list[dict[str, Any]] = []
    for one in found.filed:
        values: dict[str, Any] = msgspec.to_builtins(one.record, str_keys=True)
        said = {name: value for name, value in values.items() if name in one.fields}
        sent.append({"record": one.record.KIND, "name": one.record.name, **said})
    return sent


def located(found: Manifest, error: Refused) -> ConfigError:
    """What the gateway refused, with file and line where that is known."""
    lines: list[str] = []
    for path, reason in error.findings:
        spot = found.find(path)
        lines.append((f"{path}: " if path else "") + reason if spot is None else _line(found, *spot, reason))
    return ConfigError(tuple(lines))


def _nameless(found: Manifest) -> Iterator[Filed]:
    return (one for one in found.filed if not one.named)


def _line(found: Manifest, one: Filed, path: str, reason: str) -> str:
    label = found.labels[f"{one.record.KIND}.{one.record.name}"]
    field, line = one.spot(path)
    return f"{label}:{line}: {field}: {reason}"
