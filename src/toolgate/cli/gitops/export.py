"""`toolgate export`: writes records as a file that declares them."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from toolgate.admin.forms import DEFAULT
from toolgate.cli.configuration import DEFAULT_CONFIG
from toolgate.cli.event_loop import run
from toolgate.cli.gitops.files import Label
from toolgate.cli.output import count, say
from toolgate.cli.reaching import DataDirOption
from toolgate.cli.records.commands import api
from toolgate.client.administration import Administration, record
from toolgate.control import exporting, manifest
from toolgate.control.plan import ORDER, Wanted
from toolgate.model.entities import ENTITIES
from toolgate.model.errors import ConfigError, UpstreamFailed
from toolgate.rules.names import meant
from toolgate.stores import replacing

_APPLIED = "apply"

app = typer.Typer(add_completion=False)


@app.command()
def export(
    file: Annotated[
        Path | None, typer.Option("--file", "-f", metavar="PATH", help="A file, or a directory, to write to.")
    ] = None,
    label: Label = DEFAULT,
    replace: Annotated[bool, typer.Option("--replace", help="Write over what is there.")] = False,
    data_dir: DataDirOption = None,
) -> None:
    """Writes the records that carry a label as a file: applied again, it changes nothing."""
    wanted = [_wanted(values) for values in run(_exported(label, data_dir))]
    text = exporting.text_of(wanted)
    if file is None:
        sys.stdout.write(text)
        return
    target = _target(file)
    if target.exists() and not replace:
        raise ConfigError((f"{target}: there is a file already: give --replace to write over it",))
    replacing.write(target, text.encode())
    say(f"{count(len(wanted), 'record')} in {target}")


def _target(path: Path) -> Path:
    """The file to write. Raises ConfigError for a directory in which records would be declared twice."""
    if path.suffix in manifest.SUFFIXES:
        return path
    target = path / DEFAULT_CONFIG
    others = [one for one in manifest.files_of(path) if one != target]
    if others:
        raise ConfigError((f"{others[0]} is there already, and records would be declared twice: write elsewhere",))
    return target


def _wanted(values: dict[str, Any]) -> Wanted:
    entity = ENTITIES.get(str(values.pop("record", "")))
    if entity is None:
        raise UpstreamFailed("the gateway exported a kind of record that this version does not know")
    fields = frozenset(values) - {"name"}
    return Wanted(record(entity, {**_required(entity), **values}), fields)


def _required(entity: type[msgspec.Struct]) -> dict[str, Any]:
    """What a record cannot be made without, though its label may not own it."""
    empty: dict[str, Any] = {"kind": "", "offers": [], "permissions": [], "subject": "", "role": "", "digest": ""}
    return {field.name: empty.get(field.name, "") for field in msgspec.structs.fields(entity) if field.required}


async def _exported(label: str, data_dir: str | None) -> Sequence[dict[str, Any]]:
    """Raises ConfigError where nothing carries the label."""
    async with api(data_dir) as reached:
        found = await reached.export(label)
        if not found:
            known = await _labels(reached)
            listed = f": known are {', '.join(known)}" if known else ": none is, before `toolgate apply` was run"
            hint = meant(label, known) or listed
            raise ConfigError((f"--label {label}: no record that you may see carries it{hint}",))
        return found


async def _labels(reached: Administration) -> list[str]:
    """All labels of records that were applied."""
    labels: set[str] = set()
    for entity in ORDER:
        async for one in reached.each(entity):
            source, _, label = (one.stamp.managed_by or "").partition(":")
            if source == _APPLIED:
                labels.add(label)
    return sorted(labels)
