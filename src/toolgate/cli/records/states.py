"""`publish`, `pause`, `resume`, `drain` and `retire`, of servers and virtual servers."""

import typer

from toolgate.cli.event_loop import run
from toolgate.cli.output import say
from toolgate.cli.reaching import DataDirOption
from toolgate.cli.records.commands import Name, api
from toolgate.model.entities import Server, ServerState, Virtual

VERBS = {
    "publish": "Serves it.",
    "pause": "Lists it nowhere, and refuses its calls.",
    "resume": "Serves it again.",
    "drain": "Lists it nowhere, but lets calls go on.",
    "retire": "Takes it out of service for good, and keeps its record.",
}


def add_states(app: typer.Typer, entity: type[Server] | type[Virtual]) -> None:
    for verb, line in VERBS.items():
        _add(app, entity, verb, line)


def _add(app: typer.Typer, entity: type[Server] | type[Virtual], verb: str, line: str) -> None:
    @app.command(verb, help=line)
    def move(name: Name, data_dir: DataDirOption = None) -> None:
        say(f"{name} is {run(_moved(entity, name, verb, data_dir)).value}")

    _ = move


async def _moved(entity: type[Server] | type[Virtual], name: str, verb: str, data_dir: str | None) -> ServerState:
    async with api(data_dir) as reached:
        if entity is Virtual:
            return (await reached.move(Virtual, name, verb)).state
        return (await reached.move(Server, name, verb)).state
