"""`toolgate virtual export` and `import`: virtual servers in a file, to be carried to another gateway."""

from pathlib import Path
from typing import Annotated, Any, cast

import msgspec
import typer
import yaml

from toolgate.cli.event_loop import run
from toolgate.cli.output import Form, say, write_value
from toolgate.cli.reaching import DataDirOption
from toolgate.cli.records.commands import Name, api
from toolgate.control.source import Findings, parse
from toolgate.model.entities import ServerState
from toolgate.model.errors import ConfigError
from toolgate.rules.redaction import printable
from toolgate.stores import replacing

_JSON = ".json"


def add_bundles(app: typer.Typer) -> None:
    """`export` and `import`."""

    @app.command("export", help="Writes a virtual server, and what it needs, into a file for another gateway.")
    def export(
        name: Name,
        output: Annotated[
            Path | None, typer.Option("--output", "-o", metavar="FILE", help="The file: YAML, or JSON as *.json.")
        ] = None,
        replace: Annotated[bool, typer.Option("--replace", help="Write over what is there.")] = False,
        data_dir: DataDirOption = None,
    ) -> None:
        if output is not None and output.exists() and not replace:
            raise ConfigError((f"{output}: there is a file already: give --replace to write over it",))
        bundle = run(_exported(name, data_dir))
        if output is None:
            write_value(bundle, Form.YAML)
            return
        replacing.write(output, _text(bundle, output).encode())
        servers = ", ".join(bundle.get("servers", {}))
        say(f"{name} is in {output}; it takes from {servers}")

    @app.command("import", help="Makes a virtual server of an exported file.")
    def import_(
        file: Annotated[Path, typer.Argument(help="What `export` wrote.", metavar="FILE")],
        name: Annotated[str | None, typer.Option("--as", metavar="NAME", help="Another name for it.")] = None,
        mapped: Annotated[
            list[str] | None,
            typer.Option("--map", metavar="SERVER=OTHER", help="What a server is called here; may be given again."),
        ] = None,
        owner: Annotated[str | None, typer.Option("--owner", metavar="TEAM", help="The team that owns it.")] = None,
        overrides: Annotated[
            bool, typer.Option("--overrides", help="Let its servers here describe the tools as the file does.")
        ] = False,
        draft: Annotated[bool, typer.Option("--draft", help="Do not serve it yet.")] = False,
        data_dir: DataDirOption = None,
    ) -> None:
        how = {
            "name": name,
            "owner": owner,
            "map": _pairs(mapped or []),
            "state": ServerState.DRAFT.value if draft else None,
            "overrides": overrides,
        }
        made = run(_imported(_read(file), how, data_dir))
        for note in made["notes"]:
            say(printable(f"note: {note}"))
        say(f"{made['name']} is {made['state']}")

    _ = (export, import_)


def _text(bundle: dict[str, Any], file: Path) -> str:
    if file.suffix == _JSON:
        return f"{msgspec.json.format(msgspec.json.encode(bundle), indent=2).decode()}\n"
    return yaml.safe_dump(bundle, sort_keys=False, allow_unicode=True)


def _read(file: Path) -> dict[str, Any]:
    """Raises ConfigError, with the line of what is wrong."""
    raw = replacing.read(file)
    if raw is None:
        raise ConfigError((f"{file}: there is no such file",))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError((f"{file}: this is not text in UTF-8",)) from None
    findings = Findings()
    root = parse(text, findings)
    if root is None or len(findings):
        raise findings.error(str(file))
    found = root.plain()
    if not isinstance(found, dict) or "bundle" not in found:
        raise ConfigError((f"{file}: this is no bundle: `toolgate virtual export` writes one",))
    return cast("dict[str, Any]", found)


def _pairs(given: list[str]) -> dict[str, str]:
    pairs = [item.partition("=") for item in given]
    wrong = [item for item, (name, _, here) in zip(given, pairs, strict=True) if not name or not here]
    if wrong:
        raise ConfigError(tuple(f"--map {item[:80]}: expected SERVER=OTHER" for item in wrong))
    return {name: here for name, _, here in pairs}


async def _exported(name: str, data_dir: str | None) -> dict[str, Any]:
    async with api(data_dir) as reached:
        return await reached.export_virtual(name)


async def _imported(bundle: dict[str, Any], how: dict[str, Any], data_dir: str | None) -> dict[str, Any]:
    async with api(data_dir) as reached:
        return await reached.import_bundle(bundle, **how)
