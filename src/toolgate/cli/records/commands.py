"""What every kind of record has as commands: add, list, show, set, remove. One table of columns per kind is enough."""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any, TypeVar

import msgspec
import typer

from toolgate.cli.event_loop import run
from toolgate.cli.exit_codes import ERROR
from toolgate.cli.output import Form, say, write, write_table, write_value
from toolgate.cli.reaching import DataDirOption, place
from toolgate.cli.records import fields
from toolgate.cli.records.taking import taking, told
from toolgate.client.administration import Administration, plain
from toolgate.model.entities import Entity, Key
from toolgate.model.errors import Conflict
from toolgate.rules.redaction import printable

Output = Annotated[Form, typer.Option("--output", "-o", help="The form of what is printed.")]
Name = Annotated[str, typer.Argument(help="Its name.")]
Given = Annotated[list[str] | None, typer.Argument(metavar="[FIELD=VALUE]...", help="Fields; lists take commas.")]
Filters = Annotated[
    list[str] | None, typer.Option("--filter", "-f", metavar="FIELD=VALUE", help="Only those; may be given again.")
]

E = TypeVar("E", bound=Entity)

Notes = Callable[[Administration, E], Awaitable[Sequence[str]]]
"""What is worth a word about a record that was taken, one line each."""

LAST_USED = "last used"
"""The column that tells when a key was."""

MANAGED_BY = "managed by"

_NARROWEST = 14
_WIDEST = 500
"""Characters of a field among others; a connector has more."""


def application() -> typer.Typer:
    return typer.Typer(add_completion=False, no_args_is_help=True)


@asynccontextmanager
async def api(data_dir: str | None) -> AsyncGenerator[Administration]:
    """The API of the gateway that is meant."""
    async with Administration(place(data_dir)) as reached:
        yield reached


@asynccontextmanager
async def shown_conflicts(seen: Entity | None) -> AsyncGenerator[None]:
    """Ends the command (1) where somebody else was faster, with what is different now."""
    try:
        yield
    except Conflict as conflict:
        say(str(conflict))
        if seen is not None and isinstance(conflict.current, Entity):
            lines = fields.difference(plain(seen), plain(conflict.current))
            if lines:
                say(
                    "what is different, as you saw it -> as it is:" if seen.stamp.version else "yours -> what is there:"
                )
            for line in lines:
                say(printable(line))
        raise typer.Exit(ERROR) from None


def show(value: Entity, output: Form) -> None:
    """One record, with its stamp."""
    whole = {**plain(value), "stamp": msgspec.to_builtins(value.stamp)}
    if output is not Form.TABLE:
        write_value(whole, output)
        return
    lines = {
        name: fields.shown(name, one)
        for name, one in whole.items()
        if name != "stamp" and one not in (None, "", (), [], {})
    }
    if value.stamp.version:
        lines["version"] = str(value.stamp.version)
    if value.stamp.managed_by:
        lines[MANAGED_BY] = value.stamp.managed_by
    if isinstance(value, Key):
        lines[LAST_USED] = fields.ago(value.stamp.used_at, time.time()) or "never"
    width = max(_NARROWEST, *(len(name) + 2 for name in lines))
    for name, text in lines.items():
        short = text if len(text) <= _WIDEST else f"{text[:_WIDEST]}... (all of it: --output yaml)"
        write(printable(f"{name:<{width}}{short}"))


def _cell(record: Entity, column: str, now: float) -> str:
    """What stands under a column: a field of the record, when a key was last used, or what manages it."""
    if column == MANAGED_BY:
        return record.stamp.managed_by or ""
    if column == LAST_USED:
        return fields.ago(record.stamp.used_at, now) or "never"
    return fields.shown(column, getattr(record, column))


def add_common(app: typer.Typer, entity: type[Entity], columns: Sequence[str]) -> None:
    """`list`, `show` and `remove`."""

    @app.command("list", help=f"Lists every {entity.noun()} that you may see.")
    def list_(filters: Filters = None, output: Output = Form.TABLE, data_dir: DataDirOption = None) -> None:
        found = run(_listed(entity, filters or [], data_dir))
        if output is not Form.TABLE:
            write_value([{**plain(one), "stamp": msgspec.to_builtins(one.stamp)} for one in found], output)
            return
        managed = (MANAGED_BY,) if any(one.stamp.managed_by for one in found) else ()
        shown, now = (*columns[:-1], *managed, columns[-1]), time.time()  # the last may be as wide as it likes
        write_table([title.upper() for title in shown], [[_cell(one, title, now) for title in shown] for one in found])
        if not found:
            say(f"there is no {entity.noun()}, or none that you may see")

    @app.command("show", help=f"Shows one {entity.noun()}.")
    def show_(name: Name, output: Output = Form.TABLE, data_dir: DataDirOption = None) -> None:
        show(run(_got(entity, name, data_dir)), output)

    _ = (list_, show_)
    _add_removal(app, entity)


def add_change(app: typer.Typer, entity: type[E], notes: Notes[E] | None = None) -> None:
    """`set`, for the kinds whose fields are all that there is to them."""

    @app.command("set", help=told(entity, f"Changes fields of a {entity.noun()}."), cls=taking(entity))
    def set_(name: Name, given: Given = None, output: Output = Form.TABLE, data_dir: DataDirOption = None) -> None:
        if not given:
            raise typer.BadParameter("say what to change: FIELD=VALUE")
        show(run(change(entity, name, fields.read(entity, given), data_dir, notes)), output)

    _ = set_


def _add_removal(app: typer.Typer, entity: type[Entity]) -> None:
    @app.command("remove", help=f"Removes a {entity.noun()} that nothing refers to.")
    def remove(name: Name, data_dir: DataDirOption = None) -> None:
        run(_removed(entity, name, data_dir))
        say(f"the {entity.noun()} {name} is removed")

    _ = remove


def add_creation(app: typer.Typer, entity: type[E], notes: Notes[E] | None = None) -> None:
    """`add`, for the kinds that are made of nothing but their fields."""

    @app.command("add", help=told(entity, f"Makes a {entity.noun()}."), cls=taking(entity))
    def add(name: Name, given: Given = None, output: Output = Form.TABLE, data_dir: DataDirOption = None) -> None:
        value = fields.made(entity, {"name": name, **complete(entity, fields.read(entity, given or []))})
        show(run(created(value, data_dir, notes)), output)

    _ = add


def complete(entity: type[Entity], values: dict[str, Any]) -> dict[str, Any]:
    """Raises typer.BadParameter for a field that the kind cannot be without."""
    missing = [
        field.name for field in msgspec.structs.fields(entity) if field.required and field.name not in ("name", *values)
    ]
    if missing:
        raise typer.BadParameter(f"a {entity.noun()} needs {' and '.join(f'{name}=...' for name in missing)}")
    return values


async def created(value: E, data_dir: str | None, notes: Notes[E] | None = None) -> E:
    async with api(data_dir) as reached, shown_conflicts(value):
        made = await reached.create(value)
        await _note(reached, made, notes)
        return made


async def change(
    entity: type[E], name: str, values: dict[str, Any], data_dir: str | None, notes: Notes[E] | None = None
) -> E:
    """Changes these fields of what is there."""
    async with api(data_dir) as reached:
        seen = await reached.get(entity, name)
        async with shown_conflicts(seen):
            made = await reached.patch(entity, name, values, version=seen.stamp.version)
        await _note(reached, made, notes)
        return made


async def _note(reached: Administration, made: E, notes: Notes[E] | None) -> None:
    for line in () if notes is None else await notes(reached, made):
        say(printable(line))


async def _listed(entity: type[Entity], filters: list[str], data_dir: str | None) -> list[Entity]:
    pairs = [item.partition("=") for item in filters]
    async with api(data_dir) as reached:
        return [one async for one in reached.each(entity, {name: value for name, _, value in pairs})]


async def _got(entity: type[Entity], name: str, data_dir: str | None) -> Entity:
    async with api(data_dir) as reached:
        return await reached.get(entity, name)


async def _removed(entity: type[Entity], name: str, data_dir: str | None) -> None:
    async with api(data_dir) as reached:
        seen = await reached.get(entity, name)
        async with shown_conflicts(seen):
            await reached.remove(entity, name, version=seen.stamp.version)
