"""`toolgate server health` and `server accept`: how servers are, and whether they still offer what was accepted."""

import time
from typing import Annotated

import msgspec
import typer

from toolgate.admin.told import ServerHealth
from toolgate.cli.event_loop import run
from toolgate.cli.output import Form, say, write, write_table, write_value
from toolgate.cli.reaching import DataDirOption
from toolgate.cli.records.commands import Name, Output, api
from toolgate.cli.records.fields import ago
from toolgate.model.health import HealthState
from toolgate.rules.drift import Drift
from toolgate.rules.redaction import printable

_TITLES = ("NAME", "STATE", "SINCE", "ERAS", "PROTOCOL", "LATENCY", "LAST SEEN", "DRIFT", "REASON")


def add_health(app: typer.Typer) -> None:
    """`health` and `accept`."""

    @app.command("health", help="Says how servers are, and what they offer otherwise than accepted.")
    def health(
        name: Annotated[str | None, typer.Argument(help="One server; without it, all of them.")] = None,
        state: Annotated[HealthState | None, typer.Option("--state", help="Only servers in this state.")] = None,
        output: Output = Form.TABLE,
        data_dir: DataDirOption = None,
    ) -> None:
        if name is not None:
            one = run(_got(name, data_dir))
            show_health(one) if output is Form.TABLE else write_value(msgspec.to_builtins(one), output)
            return
        found = run(_listed(state, data_dir))
        if output is not Form.TABLE:
            write_value(msgspec.to_builtins(found), output)
            return
        now = time.time()
        write_table(_TITLES, [_row(one, now) for one in found])

    @app.command("accept", help="Accepts what a server offers now, where that is different from what was accepted.")
    def accept(name: Name, data_dir: DataDirOption = None) -> None:
        drift = run(_accepted(name, data_dir))
        for line in _lines(drift):
            say(printable(f"  {line}"))
        say(f"what {name} offers is accepted")

    _ = (health, accept)


def show_health(one: ServerHealth) -> None:
    """One server, line by line."""
    now = time.time()
    row = _row(one, now)
    for title, cell in zip(_TITLES, row, strict=True):
        if cell and title != "NAME":
            write(printable(f"{title.lower():<14}{cell}"))
    for line in _lines(one.drift):
        write(printable(f"{'':<14}{line}"))
    if one.accepted_at is not None:
        write(printable(f"{'accepted':<14}{ago(one.accepted_at, now)}, by {one.accepted_by}"))


def _row(one: ServerHealth, now: float) -> tuple[str, ...]:
    return (
        one.name,
        one.state.value,
        ago(one.since, now),
        ", ".join(one.eras),
        one.protocol or "",
        "" if one.smoothed is None else f"{one.smoothed * 1e3:.1f} ms",
        ago(one.last_seen, now),
        _count(one.drift),
        one.reason,
    )


def _count(drift: Drift | None) -> str:
    if not drift:
        return "" if drift is None else "no"
    parts = ((drift.added, "new"), (drift.removed, "gone"), (drift.changed, "changed"))
    return ", ".join(f"{len(offers)} {word}" for offers, word in parts if offers)


def _lines(drift: Drift | None) -> list[str]:
    return drift.lines() if drift else []


async def _got(name: str, data_dir: str | None) -> ServerHealth:
    async with api(data_dir) as reached:
        return await reached.health(name)


async def _listed(state: HealthState | None, data_dir: str | None) -> list[ServerHealth]:
    async with api(data_dir) as reached:
        return [one async for one in reached.each_health(None if state is None else state.value)]


async def _accepted(name: str, data_dir: str | None) -> Drift | None:
    """Accepts it; what was different until then."""
    async with api(data_dir) as reached:
        before = await reached.health(name)
        await reached.accept(name)
        return before.drift
