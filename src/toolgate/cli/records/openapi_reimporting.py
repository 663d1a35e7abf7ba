"""`toolgate server reimport NAME`: what a newer document, or an edited file, would change in a server that was
imported; and, when that is wanted, the change."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import msgspec
import typer

from toolgate.cli.event_loop import run
from toolgate.cli.exit_codes import USAGE
from toolgate.cli.output import count, say, write
from toolgate.cli.records import openapi_choosing as choosing
from toolgate.cli.records import openapi_importing as importing
from toolgate.cli.records.commands import api, shown_conflicts
from toolgate.cli.records.openapi_fetching import fetched
from toolgate.cli.records.openapi_options import Importing
from toolgate.control.openapi import yaml_text
from toolgate.control.openapi.differing import differences, key_of, tool_key
from toolgate.control.openapi.document import Document, Operation
from toolgate.control.openapi.making import Plan
from toolgate.control.openapi.nodes import Node, mapping, sequence, text
from toolgate.control.openapi.reading import parse
from toolgate.model.entities import Server
from toolgate.model.errors import ConfigError
from toolgate.rules.redaction import printable


class Wish(msgspec.Struct, frozen=True):
    """What `reimport` was given: a document with its options, or an edited file."""

    options: Importing
    file: Path | None
    yes: bool
    dry_run: bool
    data_dir: str | None


def reimported(name: str, wish: Wish) -> None:
    """Shows what would be different, and takes it when that is wanted. Raises ConfigError."""
    seen = run(_got(name, wish.data_dir))
    before = _definition(seen)
    after = _edited(wish.file) if wish.file is not None else _anew(name, before, wish.options)
    if after.get("id") != before.get("id"):
        raise ConfigError((f"id: is {before.get('id')}, and stays so",))
    settings = {**seen.settings, "definition": after}
    importing.judge(settings)
    lines = differences(before, after)
    for line in lines:
        write(printable(line))
    if not lines:
        say(f"nothing is different from what {name} has")
        return
    if wish.dry_run or not _wanted(name, len(lines), yes=wish.yes):
        return
    run(_replaced(msgspec.structs.replace(seen, settings=settings), wish.data_dir))
    say(f"{name} has the change; `toolgate server accept {name}` takes what it offers now as what it may offer")
    if wish.file is None and wish.options.write:
        _save(Path(wish.options.write) / name / importing.FILE, before, after)


def _wanted(name: str, number: int, *, yes: bool) -> bool:
    if yes:
        return True
    if not sys.stdin.isatty():
        say(f"nothing was changed: give --yes to take {count(number, 'change')} into {name}")
        raise typer.Exit(USAGE)
    if typer.confirm(f"Take {count(number, 'change')} into {name}?", err=True):
        return True
    say("nothing was changed")
    return False


def _definition(seen: Server) -> Node:
    """Raises ConfigError for a server that holds no connector."""
    found = seen.settings.get("definition")
    if seen.kind != "connector" or not isinstance(found, dict):
        raise ConfigError((f"{seen.name}: holds no connector that could be compared: its kind is {seen.kind}",))
    return cast("Node", found)


def _edited(file: Path) -> dict[str, Any]:
    """A connector's file, as it is. Raises ConfigError."""
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise ConfigError((f"{file}: cannot be read ({error.strerror})",)) from None
    return dict(parse(raw, str(file)))


def _anew(name: str, before: Node, options: Importing) -> dict[str, Any]:
    """The connector that the document makes now. Raises ConfigError."""
    source = fetched(options.openapi or "")
    base_url = text(mapping(before.get("http")).get("base_url"))
    if options.base_url is not None:
        base_url, _ = importing.base(source, options)
    held = {tool_key(tool): text(mapping(tool).get("name")) for tool in sequence(before.get("tools"))}
    keys = {one.key: held[key] for one in source.document.operations if (key := _key(one)) in held}
    if choosing.says_nothing(options):
        operations = tuple(one for one in source.document.operations if one.key in keys)
    else:
        operations, _ = choosing.operations(source.document, options)
    if not operations:
        raise ConfigError((f"{source.shown}: has none of the operations of {name}: is it the same API?",))
    signs_in = bool(before.get("auth")) and not options.no_auth
    search = before.get("mode") == "search" or options.search_mode
    choosing.judge(len(operations), search=search)
    plan = Plan(name, source.shown, base_url, operations, keys, search=search, token=signs_in)
    made = importing.imported(source, plan)
    if not signs_in:
        made.connector.pop("auth", None)
    importing.show(made, source, operations)
    _tell_others(source.document, before)
    return made.connector


def _key(operation: Operation) -> str:
    return key_of(operation.method, operation.path)


def _tell_others(document: Document, before: Node) -> None:
    held = {tool_key(tool) for tool in sequence(before.get("tools"))}
    others = sum(_key(one) not in held for one in document.operations)
    if others:
        say(f"not chosen: {count(others, 'operation')} of the document")


def _save(file: Path, before: Mapping[str, Any], after: dict[str, Any]) -> None:
    """In the place of the file as it was imported; one that somebody has edited is left as it is."""
    written = yaml_text.text(after, text(after.get("imported_from")))
    if file.exists() and parse(file.read_bytes(), str(file)) != before:
        file = file.with_name("connector.new.yaml")
        say("the file was edited, and is left as it is")
    importing.save(file, written)
    say(f"written: {file}")


async def _got(name: str, data_dir: str | None) -> Server:
    async with api(data_dir) as reached:
        return await reached.get(Server, name)


async def _replaced(value: Server, data_dir: str | None) -> Server:
    async with api(data_dir) as reached, shown_conflicts(value):
        return await reached.replace(value)
